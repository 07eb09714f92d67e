"""Stop every command with Ctrl+C or SIGTERM at a random moment. `python tests/trust/stops.py --stops 300`

A stop passes if the command ends with its result, or with 130 and one line on stderr (one JSON object with --json), no
traceback and nothing acknowledged lost, and if the same command then works. Each command runs in a new interpreter, as
for a user, since the time of imports matters here.
"""

import argparse
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.trust import world
from tests.trust.bench import Bench, Fault

_TALK = "Maya: The review moves to Friday.\nTom: I'll book the room.\n"
_PAIRS = "".join(f'{{"dialogue":"A: {n}\\nB: yes","chosen":"good {n}","rejected":"bad {n}"}}\n' for n in range(200))
_RANKING = {"ranking": [["c5"], ["c6"]]}
_DONE = re.compile("already|exists|no version before|not in the knowledge base")
_SENTENCES = ("stopped; what was finished before is kept", "stopped before anything was begun")

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("summarize", "talk.txt", "--model", "{world}/tiny"),
    ("summarize", "talk.txt", "--model", "{world}/tiny", "--json"),
    ("summarize", "--jsonl", "in.jsonl", "-o", "out.jsonl", "--model", "{world}/tiny"),
    ("prompt", "show", "--mode", "few-shot", "talk.txt"),
    ("ask", world.QUESTION, "--json"),
    ("knowledge", "add", "notes"),
    ("knowledge", "add", "notes", "--json"),
    ("knowledge", "update"),
    ("knowledge", "list", "--json"),
    ("knowledge", "search", "When is the cheese washed?", "--json"),
    ("knowledge", "remove", "{world}/notes/pier.txt"),
    ("history",),
    ("history", "--json"),
    ("feedback", "list", "--json"),
    ("feedback", "stats"),
    ("feedback", "export", "--format", "raw"),
    ("feedback", "export", "--format", "trl"),
    ("feedback", "import", "pairs.jsonl"),
    ("feedback", "import", "pairs.jsonl", "--json"),
    ("rate", "c5", "up"),
    ("rate", "c6", "down", "--reason", "too long", "--json"),
    ("rank", "ranking.json"),
    ("models", "list"),
    ("models", "show", "current", "--json"),
    ("models", "use", "v1"),
    ("models", "rollback", "--json"),
    ("models", "convert", "{world}/tiny"),
    ("config", "show", "--origin"),
    ("paths",),
    ("backup", "mine.zip"),
    ("backup", "mine2.zip", "--json"),
    ("restore", "{world}/backup.zip"),
    ("restore", "{world}/backup.zip", "--json"),
    ("restore", "{world}/backup.zip", "--check"),
    ("doctor",),
    ("completion", "bash"),
    ("--help",),
    ("--version",),
)
"""Every command that ends by itself; {world} is the folder of the world."""


class Stopper:
    """Runs commands in copies of the home and stops them."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._seconds: dict[tuple[str, ...], float] = {}

    def stop(self, command: tuple[str, ...]) -> Fault:
        """Stop the command at a random moment, and check its messages and what it left behind."""
        if command not in self._seconds:
            start = time.monotonic()
            self._start(command, self._place()).communicate()
            self._seconds[command] = time.monotonic() - start
        place = self._place()
        number = self._bench.chance.choice([signal.SIGINT, signal.SIGTERM])
        moment = self._bench.chance.uniform(0, self._seconds[command])
        fault = Fault(f"{number.name} after {moment:.2f} s of `{' '.join(command[:3])}`")
        process = self._start(command, place)
        # The machine may have been slower when the time was measured.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        process.send_signal(number)
        out, err = (text.decode() for text in process.communicate(timeout=300))
        fault.told = process.returncode == 130
        # Before Python reaches our first line, nobody can handle the signal: it kills the process, or interrupts
        # Python's startup.
        unborn = process.returncode in (1, -number) and not out and "assistant:" not in err and "/assistant/" not in err
        fault.struck = fault.told or unborn
        fault.require(unborn or process.returncode in (0, 130), f"ended with {process.returncode}: {err[-2000:]}")
        fault.require(unborn or ("Traceback" not in err and "xception" not in err), "a traceback")
        if fault.told:
            self._look_at_words(fault, err, "--json" in command)
        self._bench.check_store(fault, place / "home", self._acknowledged(command, process.returncode))
        again = self._start(command, place)
        complaint = again.communicate(timeout=300)[1].decode()
        # A command that finished just before the signal may be refused the second time, since its file exists, for
        # example.
        fault.require(
            again.returncode == 0 or _DONE.search(complaint), f"again: {again.returncode}: {complaint[-500:]}"
        )
        return fault

    def _look_at_words(self, fault: Fault, err: str, as_json: bool) -> None:
        last = (err.splitlines() or [""])[-1]
        if as_json and last.startswith("{"):
            said = json.loads(last)
            fault.require(said["error"] in _SENTENCES and said["exit_code"] == 130, f"said {last}")
        else:
            fault.require(last.startswith("assistant: stopped") and not as_json, f"said {err[-500:]!r}")
        fault.require(err.count("stopped") == 1, f"said it twice: {err[-500:]!r}")

    def _acknowledged(self, command: tuple[str, ...], code: int) -> list[list[str]]:
        if command[0] != "rate" or code != 0:
            return []
        return [[world.RATER, command[1], command[2]]]

    def _place(self) -> Path:
        place = self._bench.new_folder()
        self._bench.home(place / "home")
        (place / "notes").mkdir()
        for number in range(30):
            (place / "notes" / f"{number}.txt").write_text(f"The ferry {number} leaves at {number % 24} o'clock.")
        (place / "talk.txt").write_text(_TALK)
        rows = [{"id": str(number), "dialogue": _TALK + f"Tom: It is room {number}.\n"} for number in range(60)]
        (place / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (place / "pairs.jsonl").write_text(_PAIRS)
        (place / "ranking.json").write_text(json.dumps(_RANKING))
        return place

    def _start(self, command: tuple[str, ...], place: Path) -> "subprocess.Popen[bytes]":
        arguments = [word.format(world=self._bench.world) for word in command]
        code = Path(__file__).parents[2]
        return subprocess.Popen(
            [sys.executable, "-m", "assistant", *arguments],
            cwd=place,
            env={**os.environ, "ASSISTANT_HOME": str(place / "home"), "PYTHONPATH": str(code)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            # A background job passes an ignored Ctrl+C on to its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


def main() -> int:
    """Stop the commands and print the result of each. Return 1 if one did not end as it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stops", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="commands that hold this word")
    arguments = parser.parse_args()
    os.environ["LOGNAME"] = world.RATER
    commands = [command for command in COMMANDS if arguments.only in " ".join(command)]
    counted: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="parley-stops-") as folder:
        built = Path(folder) / "world"
        subprocess.run([sys.executable, "-m", "tests.trust.world", str(built)], check=True, stdout=subprocess.DEVNULL)
        bench = Bench(built, Path(folder), random.Random(arguments.seed))
        stopper = Stopper(bench)
        for number in range(arguments.stops):
            fault = stopper.stop(commands[number % len(commands)])
            bench.clean()
            counted.update(stops=1, struck=fault.struck, told=fault.told, problems=len(fault.problems))
            print(f"{fault.what}: {'; '.join(fault.problems) or 'ok'}", flush=True)
    print(f"{dict(counted)}, {len(commands)} commands, {sum(os.times()[:4]):.0f} s of CPU")
    return 1 if counted["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
