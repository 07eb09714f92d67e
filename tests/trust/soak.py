"""Drive the real app in a pseudo-terminal, and watch memory and file descriptors of both of its processes. `python
tests/trust/soak.py --minutes 60`

It chats, drafts, ranks, rates, searches, cancels and swaps models in random order. At the end, every sent message must
be in the store. Growth compares the means of the last and the second quarter; the first is warm-up.
"""

import argparse
import contextlib
import json
import os
import random
import select
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.startup import PLACEHOLDER, Terminal, visible

_GROWTH = 0.10
"""The share by which memory may grow between the second and the last quarter: allocators vary that much."""
_TYPED = "SELECT 1 FROM unfinished WHERE text LIKE ?"
_RANKING = b"Which is best?"
_ESCAPE, _ENTER = b"\x1b", b"\r"
_ALONE = 1.5
"""Seconds without typing after Escape: a busy app takes Escape and a following key for another key."""


@dataclass
class Sample:
    """Resident memory in MiB and open file descriptors of the app and its worker."""

    seconds: float
    app: float
    worker: float
    app_files: int
    worker_files: int


@dataclass
class Soak:
    """One run: messages sent, actions done, and measurements."""

    terminal: Terminal
    home: Path
    chance: random.Random
    numbered: int = 0
    sent: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)

    def drain(self, seconds: float, until: bytes = b"") -> bool:
        """Read the app's output and discard it. True if it contained `until`, which ends the wait."""
        end, drawn = time.monotonic() + seconds, b""
        while (left := end - time.monotonic()) > 0:
            if select.select([self.terminal._master], [], [], min(left, 0.1))[0]:
                drawn = drawn[-100:] + os.read(self.terminal._master, 1 << 16)
                if until and until in drawn:
                    return True
        return False

    def press(self, keys: bytes, seconds: float = 0.3) -> None:
        """Type keys, and let the app draw."""
        self.terminal.press(keys)
        self.drain(_ALONE if keys == _ESCAPE else seconds)

    def send(self) -> bool:
        """Paste a new conversation and send it. True if the app took it."""
        self.numbered += 1
        name = f"ticket {self.numbered:05}"
        turns = [f"Maya: The {name} is due on day {number}." for number in range(self.chance.randrange(1, 8))]
        talk = "\n".join([*turns, f"Tom: I'll close {name}, thank you."])
        self.press(b"\x1b[200~" + talk.encode() + b"\x1b[201~")
        self.press(_ENTER)
        # Only what the app took is sent: while a dialog is open or an answer is written, Enter sends nothing.
        for _ in range(20):
            if self.rows("SELECT 1 FROM messages WHERE text LIKE ?", f"%{name}%"):
                self.sent.append(name)
                return True
            self.drain(0.5)
        self.done["kept as typed" if self.rows(_TYPED, f"%{name}%") else "not taken"] += 1
        return False

    def wait_for(self, query: str, *values: str) -> bool:
        """Whether the store has a matching row within half a minute."""
        for _ in range(60):
            if self.rows(query, *values):
                return True
            self.drain(0.5)
        return False

    def rows(self, query: str, *values: str) -> list[tuple[object, ...]]:
        """Query the store without the app's code."""
        path = self.home / "data" / "store.db"
        if not path.exists():
            return []
        database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        try:
            return database.execute(query, values).fetchall()
        except sqlite3.OperationalError:
            return []  # the app is creating it
        finally:
            database.close()

    def chat(self) -> bool:
        """Send a conversation and wait for the answer. True if it came."""
        before = len(self.rows("SELECT 1 FROM shown"))
        if not self.send():
            return False
        for _ in range(120):
            if len(self.rows("SELECT 1 FROM shown")) > before:
                return True
            self.drain(0.5)
        self.done["no answer within a minute"] += 1
        return False

    def cancel(self) -> None:
        """Send a conversation, and stop the answer at a random moment."""
        self.send()
        self.drain(self.chance.uniform(0, 0.6))
        self.press(_ESCAPE)
        self.drain(1.0)

    def drafts(self) -> None:
        """Write several drafts, and rank them by keyboard."""
        self.press(b"/drafts 3" + _ENTER)
        self.press(b"/decoding sample" + _ENTER)
        if self.chat():
            self.press(b"/rank" + _ENTER, 0)
            if self.drain(20, _RANKING):
                for key in b"312":
                    self.press(bytes([key]))
                self.press(_ENTER)
                self.done["ranked"] += 1
        self.press(_ESCAPE)
        self.press(b"/drafts 1" + _ENTER)
        self.press(b"/decoding greedy" + _ENTER)

    def rate(self) -> None:
        """Rate the last answer."""
        self.press(self.chance.choice([b"/good", b"/bad"]) + _ENTER)
        self.press(_ESCAPE)

    def search(self) -> None:
        """Search the chats, and open one or leave."""
        self.press(b"\x12")
        self.press(b"ticket")
        self.press(self.chance.choice([_ENTER, _ESCAPE]), 1.0)

    def new(self) -> None:
        """Start a new chat."""
        self.press(b"\x0e")

    def swap(self) -> None:
        """Load a model again: the worker drops one and loads the other."""
        self.press(self.chance.choice([b"/model pocket", b"/model current", b"/model auto"]) + _ENTER, 1.5)
        self.press(_ESCAPE)

    def sample(self, start: float) -> None:
        """Measure both processes."""
        try:
            app = psutil.Process(self.terminal._process.pid)
            workers = [c for c in app.children() if "assistant.engine.worker" in " ".join(c.cmdline())]
            if not workers:
                return
            mib = 2**20
            self.samples.append(
                Sample(
                    time.monotonic() - start,
                    app.memory_info().rss / mib,
                    workers[0].memory_info().rss / mib,
                    app.num_fds(),
                    workers[0].num_fds(),
                )
            )
        except psutil.Error:
            self.done["not measured"] += 1


def main() -> int:
    """Soak and print the report. Return 1 if something was lost or grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two actions, as a person takes them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="parley-soak-") as folder:
        soak = _start(Path(folder), arguments.seed)
        start = time.monotonic()
        actions = {
            soak.chat: 8, soak.cancel: 3, soak.drafts: 2, soak.rate: 2, soak.search: 2, soak.new: 2, soak.swap: 1
        }  # fmt: skip
        soak.chat()
        while time.monotonic() - start < arguments.minutes * 60:
            (action,) = soak.chance.choices(list(actions), list(actions.values()))
            action()
            soak.done[action.__name__] += 1
            soak.drain(arguments.pause)
            soak.sample(start)
        lost = [
            name for name in soak.sent if not soak.wait_for("SELECT 1 FROM messages WHERE text LIKE ?", f"%{name}%")
        ]
        report = {
            "minutes": arguments.minutes,
            "actions": dict(soak.done),
            "sent": len(soak.sent),
            "lost": lost,
            "judgements": len(soak.rows("SELECT 1 FROM judgements")),
            "alive": soak.terminal._process.poll() is None,
            **_figures(soak.samples),
        }
        soak.terminal.close()
    print(json.dumps(report, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps({**report, "samples": [vars(s) for s in soak.samples]}, indent=1))
    grown = any(report[f"{name}_growth"] > _GROWTH for name in ("app", "worker", "app_files", "worker_files"))
    return 1 if lost or grown or not report["alive"] else 0


def _start(home: Path, seed: int) -> Soak:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ASSISTANT_")},
        "ASSISTANT_HOME": str(home),
        "TERM": "xterm-256color",
        "ASSISTANT_MODEL_REF": "pocket",
        "ASSISTANT_GENERATION_DECODING": "greedy",
        "ASSISTANT_GENERATION_MAX_NEW_TOKENS": "24",
    }
    terminal = Terminal([sys.executable, "-m", "assistant"], environment)
    for _ in range(5):  # a busy machine may need more than one wait
        with contextlib.suppress(SystemExit):
            terminal.wait_for(lambda drawn: PLACEHOLDER in visible(drawn))
            break
    terminal.output = b""
    return Soak(terminal, home, random.Random(seed))


def _figures(samples: list[Sample]) -> dict[str, float]:
    """The means of the second and the last quarter of each figure, and the growth between them."""
    quarter = max(1, len(samples) // 4)
    found: dict[str, float] = {}
    for name in ("app", "worker", "app_files", "worker_files"):
        values = [getattr(sample, name) for sample in samples]
        early = statistics.mean(values[quarter : 2 * quarter] or values)
        late = statistics.mean(values[-quarter:])
        found |= {name: round(late, 1), f"{name}_before": round(early, 1), f"{name}_growth": round(late / early - 1, 4)}
    return found


if __name__ == "__main__":
    sys.exit(main())
