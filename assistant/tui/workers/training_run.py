"""A run of `assistant-train rlhf` as the app sees it: its files and its process.

Imports nothing from `training`: the state of a run is in its folder.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from assistant.errors import UsageError
from assistant.feedback.pairs import LEAST_CONVERSATIONS, LEAST_PAIRS
from assistant.locations import ensure_dir, runs_dir

State = Literal["waiting", "running", "done", "failed"]
STRIP = ("ratings", "pairs", "reward", "PPO", "gate")
"""The displayed stages; each stands for one or several stages of the run."""
_OWN = {
    "ratings": ("plan",),
    "pairs": ("plan",),
    "reward": ("reward", "judge"),
    "PPO": ("samples", "ppo"),
    "gate": ("version", "proof", "promotion"),
}
CURVES = {
    "judge": "dev_judge",
    "ROUGE-1 spare": "dev_spare",
    "KL": "objective/kl",
    "reward": "objective/scores",
    "  preference": "objective/scores/preference",
    "  unsupported": "objective/scores/unsupported",
    "  repetition": "objective/scores/repetition",
    "  harm": "objective/scores/harm",
    "tokens": "response/length",
}
"""The metric in PPO's log for each title."""
STOCK_CELLS = 20
"""Width, in cells, of the bar that fills until there is enough to learn from."""
_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class RunView:
    """A run at one moment. `curves` are PPO's metrics by title; `found` is the run's result, None before its end."""

    name: str
    is_running: bool
    stages: dict[str, State]
    step: int = 0
    steps: int = 0
    curves: dict[str, list[float]] = field(default_factory=dict)
    found: dict[str, Any] | None = None
    outcome: str = ""
    said: str = ""
    """The last line printed by the process, if the app started it: progress and time left."""


def newest_run() -> Path | None:
    """The folder of the run that was started last, None if there is none."""
    folders = sorted(runs_dir().glob("rlhf-*/manifest.json"), key=lambda path: path.stat().st_mtime)
    return folders[-1].parent if folders else None


def read_run(folder: Path) -> RunView:
    """Read the state of a run from its files. An unfinished line is left for the next read."""
    outcome = _read_json(folder / "outcome.json")
    running = _owner(folder) is not None
    own = {row["stage"]: row["state"] for row in _lines(folder / "metrics.jsonl") if "stage" in row}
    inner = next(iter(sorted(folder.glob("ppo/*-*/"))), None)
    rows = _lines(inner / "metrics.jsonl") if inner else []
    config = _read_json(inner / "manifest.json").get("config", {}) if inner else {}
    found = _read_json(folder / "result.json") or None
    stages = {shown: _state(own, shown, running, outcome.get("state") == "failed") for shown in STRIP}
    if gate := (found or {}).get("gate"):
        stages["gate"] = "done" if gate["passed"] else "failed"
    return RunView(
        name=folder.name,
        is_running=running,
        stages=stages,
        step=max((int(row["step"]) for row in rows), default=0),
        steps=int(config.get("max_steps", 0)),
        curves={title: [float(row[key]) for row in rows if key in row] for title, key in CURVES.items()},
        found=found,
        outcome=str(outcome.get("outcome", "")),
        said=_words_since(folder / "manifest.json") if running else "",
    )


def start(arguments: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
    """Start `assistant-train rlhf` in a new session, so that it outlives the app. Its output goes to runs/rlhf.log."""
    with (ensure_dir(runs_dir()) / "rlhf.log").open("ab") as log:
        command = [sys.executable, "-m", "training", "rlhf", *arguments]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def describe_stock(pairs: int, conversations: int) -> str:
    """How much of what a run needs was judged, as a bar and in figures; empty if it is enough."""
    share = min(pairs / LEAST_PAIRS, conversations / LEAST_CONVERSATIONS)
    if share >= 1:
        return ""
    full = int(share * STOCK_CELLS)
    bar = "▓" * full + "░" * (STOCK_CELLS - full)
    return f"{bar} {pairs} of {LEAST_PAIRS} pairs, {conversations} of {LEAST_CONVERSATIONS} conversations"


def last_words() -> str:
    """The last line that a run printed, which gives the reason if it ended early."""
    try:
        said = (runs_dir() / "rlhf.log").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
    return said.splitlines()[-1] if said else ""


def _words_since(begun: Path) -> str:
    """The last line, if it was printed after this file was written."""
    try:
        is_later = (runs_dir() / "rlhf.log").stat().st_mtime >= begun.stat().st_mtime
    except OSError:
        return ""
    return last_words() if is_later else ""


def stop(folder: Path) -> None:
    """Ask the process of the run to save its state and end. Raises UsageError if there is none."""
    owner = _owner(folder)
    if owner is None:
        raise UsageError("nothing to stop: no process works on this run")
    os.kill(owner, signal.SIGINT)


def spark(values: Sequence[float], width: int = 40) -> str:
    """The values as a row of at most `width` bars, the lowest bar for the minimum and the highest for the maximum."""
    if not values:
        return ""
    step = max(1.0, len(values) / width)
    shown = [values[int(place * step)] for place in range(min(width, len(values)))]
    low, spread = min(shown), (max(shown) - min(shown)) or 1.0
    return "".join(_BARS[int((value - low) / spread * (len(_BARS) - 1))] for value in shown)


def _state(own: dict[str, str], shown: str, running: bool, failed: bool) -> State:
    states = [own.get(stage, "") for stage in _OWN[shown]]
    if all(state == "done" for state in states):
        return "done"
    if not any(states):
        return "waiting"
    return "running" if running else "failed" if failed else "waiting"


def _owner(folder: Path) -> int | None:
    """The id of the process that holds the run's lock, None if none does."""
    try:
        with (folder / "lock").open("r", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                said = lock.read().strip()
                return int(said) if said.isdigit() else None
    except OSError:
        return None
    return None


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return []
    rows = []
    for line in text.splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
