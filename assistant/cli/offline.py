"""`assistant doctor --offline`: run the whole loop on small data, in processes that cannot open a network socket.

Each step runs the real command in a temporary home. None of the user's data is read.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from assistant import guard
from assistant.models.registry import POCKET
from assistant.terminal import one_line

_TALK = "Ana: Can you bring the keys tomorrow?\nBen: Yes, I'll bring them at nine.\nAna: Great, thank you."
_NOTE = "The office opens at nine. The keys hang beside the door of the harbour office.\n"
_QUESTION = "Where do the keys hang?"
_LONGEST = 600.0
"""Seconds after which a step fails. A step takes from some seconds to a minute, mostly to import the trainer."""


class Step(msgspec.Struct, frozen=True):
    """One line of the table. `attempts` counts the stopped network calls; `skipped` says why a step did not run."""

    name: str
    passed: bool
    seconds: float
    attempts: int
    detail: str
    skipped: str = ""


class OfflineReport(msgspec.Struct, frozen=True):
    """The results of the steps, and the fences that kept the network shut."""

    fences: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def passed(self) -> bool:
        """Whether every step that ran worked without trying the network."""
        return all(step.passed for step in self.steps)


class _Failed(Exception):
    """A step's command failed; the message gives the reason."""


class _Bench:
    """A temporary home with its guard, and what earlier steps leave for later ones."""

    def __init__(self, folder: Path, longest: float) -> None:
        self.folder, self.longest = folder, longest
        self.log = folder / "attempts.jsonl"
        own = {name: value for name, value in os.environ.items() if not name.startswith("ASSISTANT_")}
        place = {"ASSISTANT_HOME": str(folder / "home"), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
        self.environment = guard.environment(self.log, {**own, **place})
        self.completion = ""

    def run(self, *command: str, stdin: str = "") -> Any:
        """Run a command and return the JSON that it prints. Raises _Failed if it fails or takes too long."""
        try:
            done = subprocess.run(
                [sys.executable, "-P", *command, "--json"],
                input=stdin,
                capture_output=True,
                text=True,
                env=self.environment,
                cwd=self.folder,
                timeout=self.longest,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _Failed(f"not finished after {self.longest:g} s; try again when the machine is less busy") from None
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise _Failed(f"exit code {done.returncode}: {one_line(said[-1] if said else 'no reason given')[:200]}")
        return json.loads(done.stdout)

    def write(self, name: str, text: str) -> str:
        """Write a file to the temporary folder and return its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)


def check_offline(on_step: Callable[[str], None] = lambda name: None, longest: float = _LONGEST) -> OfflineReport:
    """Run every step under the guard, each for at most `longest` seconds. Together they take a minute or two, most of
    it for the trainer's steps.
    """
    with tempfile.TemporaryDirectory(prefix="parley-offline-") as folder:
        bench = _Bench(Path(folder), longest)
        fences = _fences(bench)
        steps = []
        for name, step in _STEPS.items():
            on_step(name)
            steps.append(_carry_out(bench, name, step))
    return OfflineReport(fences=fences, steps=tuple(steps))


def _fences(bench: _Bench) -> tuple[str, ...]:
    code = "import json, sitecustomize; print(json.dumps(sitecustomize.fences))"
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, env=bench.environment, capture_output=True, text=True, check=True)
    return tuple(json.loads(done.stdout))


def _carry_out(bench: _Bench, name: str, step: Callable[[_Bench], str]) -> Step:
    if name in _TRAINER and (missing := _missing_for_training()):
        return Step(name, True, 0.0, 0, "", skipped=f"{missing} is missing: pip install 'parley-assistant[train]'")
    before, start = len(guard.attempts(bench.log)), time.monotonic()
    try:
        passed, detail = True, step(bench)
    except (_Failed, ValueError, KeyError) as error:
        passed, detail = False, one_line(str(error))
    seconds = time.monotonic() - start
    tried = guard.attempts(bench.log)[before:]
    if tried:
        passed, detail = False, f"tried the network ({tried[0].event}) in {one_line(tried[0].command)[:120]}"
    return Step(name, passed, round(seconds, 2), len(tried), detail)


def _missing_for_training() -> str:
    """The first missing library of the trainer, found without importing it; empty if all are installed."""
    return next((name for name in ("torch", "transformers", "peft") if importlib.util.find_spec(name) is None), "")


def _guarded(bench: _Bench) -> str:
    """Check the guard: it must stop a process that opens a socket, or the other steps prove nothing."""
    trial = "import socket; socket.socket(socket.AF_INET)"
    command = [sys.executable, "-P", "-c", trial]
    done = subprocess.run(command, env=bench.environment, capture_output=True, check=False)
    tried = guard.attempts(bench.log)
    bench.log.unlink(missing_ok=True)
    if done.returncode == 0 or not tried:
        raise _Failed("a network socket could be opened: this check would prove nothing")
    return "a socket opened on purpose was stopped"


def _summary(bench: _Bench) -> str:
    answer = bench.run("-m", "assistant", "summarize", "-", "--model", POCKET, stdin=_TALK)
    bench.completion = answer["completion_id"]
    return f"{len(answer['summary'].split())} words by {answer['model']}"


def _knowledge(bench: _Bench) -> str:
    bench.run("-m", "assistant", "knowledge", "add", bench.write("notes/keys.txt", _NOTE))
    answer = bench.run("-m", "assistant", "ask", _QUESTION)
    if not answer["citations"]:
        raise _Failed("the added document was not found")
    return f"{len(answer['citations'])} passage cited"


def _rating(bench: _Bench) -> str:
    bench.run("-m", "assistant", "rate", bench.completion, "up")
    return "kept"


def _reward(bench: _Bench) -> str:
    bench.run(
        "-m",
        "training",
        "reward",
        "--data",
        bench.write("pairs.jsonl", _pairs()),
        "--method",
        "lora",
        "--max-steps",
        "1",
    )
    return "one step of the encoder on pairs of our own"


def _pairs() -> str:
    """Enough pairs for the trainer to start."""
    pairs = (
        {
            "dialogue": f"Ana: Can you bring {number} chairs?\nBen: Yes, at {number % 12 + 1}.",
            "chosen": f"Ben will bring {number} chairs at {number % 12 + 1}.",
            "rejected": f"Somebody asks something, and {number + 1} people answer.",
        }
        for number in range(60)
    )
    return "".join(json.dumps(pair) + "\n" for pair in pairs)


def _ppo(bench: _Bench) -> str:
    talks = ({"id": str(number), "dialogue": f"{_TALK}\nBen: At {number}."} for number in range(8))
    data = bench.write("talks.jsonl", "".join(json.dumps(talk) + "\n" for talk in talks))
    asked = ("--data", data, "--model", POCKET, "--reward", "length:12", "--max-steps", "1")
    small = ("--batch-size", "4", "--mini-batch-size", "4", "--micro-batch-size", "4", "--max-new-tokens", "8")
    made = bench.run("-m", "training", "ppo", *asked, *small)
    return f"run {made['run']}"


_STEPS: dict[str, Callable[[_Bench], str]] = {
    "guard": _guarded,
    "summary": _summary,
    "knowledge": _knowledge,
    "rating": _rating,
    "reward step": _reward,
    "ppo step": _ppo,
}
_TRAINER = {"reward step", "ppo step"}
