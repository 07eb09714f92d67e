"""A bench for injecting faults: fresh copies of a home, commands that run in them, and checks afterwards."""

import importlib
import json
import random
import re
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.trust import world
from tests.trust.commands import TRAINER, Ended, Running, call

_ADVICE = re.compile(
    r"assistant (?:restore|models|knowledge|doctor|backup|config)|again|restore|remove|delete|move it|make room|free "
    r"|close it|check|install|choose|wait|set ASSISTANT_HOME|new name|start a new run|another|reinstall|No space|space",
    re.IGNORECASE,
)


_IMPORTS = (
    *("ctranslate2", "cyclopts", "faiss", "tokenizers", "knowledge.library", "training.cli", "training.runs.run"),
    *(
        f"assistant.cli.{name}"
        for name in ("backup", "feedback", "history", "knowledge", "models", "places", "summarize")
    ),
)
"""Modules that the commands need, imported once before the forks."""


@dataclass
class Fault:
    """One injected fault and its outcome. `struck`: it disturbed a command; `told`: the command reported it."""

    what: str
    struck: bool = True
    told: bool = False
    problems: list[str] = field(default_factory=list)

    def require(self, holds: object, problem: str) -> None:
        """Record a problem if a condition does not hold."""
        if not holds:
            self.problems.append(problem)


class Bench:
    """Copies of the world's home, and checks on them."""

    def __init__(self, place: Path, folder: Path, chance: random.Random) -> None:
        self.world = place
        self.chance = chance
        self.expected = json.loads((place / "facts.json").read_text())
        self._folder = folder
        self._number = 0
        self._seconds: dict[tuple[str, ...], float] = {}

    def warm_up(self) -> None:
        """Import once what the forked commands need."""
        for name in _IMPORTS:
            importlib.import_module(name)

    def home(self, place: Path | None = None) -> Path:
        """A fresh copy of the home. It shares large files that are never modified in place."""
        target = place or self.new_folder()
        shutil.copytree(self.world / "home", target, copy_function=_copy, dirs_exist_ok=True)
        return target

    def new_folder(self) -> Path:
        """A new path, which `clean` removes."""
        self._number += 1
        return self._folder / f"home{self._number}"

    def clean(self) -> None:
        """Remove the copies."""
        for home in self._folder.glob("home*"):
            shutil.rmtree(home, ignore_errors=True)

    def rating(self) -> tuple[list[str], list[str]]:
        """The command of a rating, and the row that the store has once it is acknowledged."""
        answer = f"c{self.chance.randrange(4, world.COMPLETIONS)}"
        return ["rate", answer, "up", "--json"], [world.RATER, answer, "up"]

    def moment(self, command: Sequence[str]) -> float:
        """A random time within the command's duration, which is measured once without faults. In seconds."""
        key = tuple(command[:2])
        if key not in self._seconds:
            self._seconds[key] = min(call(command, self.home()).seconds for _ in range(2))
        return self.chance.uniform(0, 0.9 * self._seconds[key])

    def killed(self, command: Sequence[str], home: Path) -> Ended:
        """Run the command and kill it at a random moment."""
        moment = self.moment(command)
        return Running(command, home).kill_after(moment)

    def check(self, fault: Fault, home: Path, *, added: Sequence[Sequence[str]] = ()) -> None:
        """Check that the home is as in the world, plus acknowledged ratings, and that all commands work."""
        for command in self.commands():
            self.answers(fault, command, home)
        self.check_store(fault, home, added)

    def commands(self) -> list[list[str]]:
        """One command for each store."""
        return [
            ["history", "--json"],
            ["feedback", "list", "--json"],
            ["models", "show", "current", "--json"],
            ["knowledge", "list", "--json"],
            ["config", "show", "--json"],
            [TRAINER, "runs", "--json"],
        ]

    def answers(self, fault: Fault, command: Sequence[str], home: Path) -> Ended:
        """Check that a command works: exit code 0."""
        ended = call(command, home)
        fault.require(ended.code == 0, f"`{' '.join(command)}` ended with {ended.code}: {ended.complaint[-300:]}")
        return ended

    def works_or_says(self, fault: Fault, ended: Ended) -> bool:
        """Whether the command worked. If not, check that one line says what is wrong and what to do."""
        if ended.code in (0, None):
            return ended.code == 0
        fault.told = True
        lines = ended.complaint.splitlines()
        name = " ".join(ended.command[:3])
        fault.require(len(lines) == 1, f"`{name}` said {len(lines)} lines: {ended.complaint[-300:]}")
        fault.require("Traceback" not in ended.err, f"`{name}` gave a traceback")
        fault.require(ended.code in (1, 2, 3, 4, 5, 130), f"`{name}` ended with {ended.code}")
        fault.require(_ADVICE.search(ended.complaint), f"`{name}` gave no advice: {ended.complaint[:300]}")
        return False

    def check_store(self, fault: Fault, home: Path, added: Sequence[Sequence[str]] = ()) -> None:
        """Check the answers and ratings without the product's code, and run SQLite's integrity check."""
        fault.require(_integrity(home / "data" / "store.db") == "ok", "the store is damaged")
        found = world.facts(home)
        answers = {tuple(row) for row in found["answers"]}  # type: ignore[attr-defined]
        fault.require(answers >= {tuple(row) for row in self.expected["answers"]}, "answers are missing")
        ratings = [tuple(row) for row in found["ratings"]]  # type: ignore[attr-defined]
        wanted = [*(tuple(row) for row in self.expected["ratings"]), *(tuple(row) for row in added)]
        lost = [row for row in wanted if row not in ratings]
        fault.require(not lost, f"acknowledged ratings are missing: {lost}")

    def restored(self, fault: Fault, home: Path) -> None:
        """Check that a backup restores everything, whatever is damaged."""
        self.answers(fault, ["restore", str(self.world / "backup.zip"), "--json"], home)
        self.check(fault, home)


def _copy(source: str, target: str) -> None:
    """Copy a file, but link the large conversions, which are never modified in place."""
    if "conversions" not in Path(source).parts:
        shutil.copyfile(source, target)
    elif Path(source).stat().st_dev == Path(target).parent.stat().st_dev:
        Path(target).hardlink_to(source)
    else:
        Path(target).symlink_to(source)


def _integrity(path: Path) -> str:
    database = sqlite3.connect(path)
    try:
        return str(database.execute("PRAGMA integrity_check").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        database.close()
