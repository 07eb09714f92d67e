"""Decides how a conversion uses the processor's cores, for one text and for many. The layout is measured, because more
threads per text are often slower: they synchronize at every layer of every token.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import msgspec

from assistant.engine.conversion import processor
from assistant.files import write_atomically
from assistant.records import Record

THREADS = "threads.json"
SMALL = 32 << 20
"""Up to this many bytes of weights, one thread is fastest for one text (docs/benchmarks.md; 11 and 23 MB were
measured).
"""
_BUSY = 0.75
"""The load per core above which nothing is measured: other work favours fewer threads."""
_WORTH = 0.95
"""More threads per text must take at most this share of the time of fewer; otherwise fewer are used."""


class Layout(Record, frozen=True):
    """The number of texts or batches in parallel, and of threads for each."""

    workers: int
    threads: int


class Plan(Record, frozen=True):
    """The layouts for one text and for many, and the measured seconds by number of threads, if any."""

    one: Layout
    many: Layout
    seconds_one: dict[int, float] = {}
    seconds_many: dict[int, float] = {}

    def sentence(self) -> str:
        """Return a description for `assistant doctor`."""
        how = "measured" if self.seconds_one else "not measured"
        return (
            f"one text with {_count(self.one.threads, 'thread')}, batches with {self.many.workers} x "
            f"{_count(self.many.threads, 'thread')} ({how})"
        )


class _Note(Record, frozen=True):
    machine: str
    plan: Plan


Timer = Callable[[Layout], tuple[float, float]]
"""Returns the seconds for one text, and for a fixed number of texts together, with a layout."""


def make_plan(folder: Path, threads: int, timer: Timer | None = None) -> Plan:
    """Return the plan for a conversion. `threads`, or else OMP_NUM_THREADS, is the number of cores to use; 0 is all.

    With all cores, a large conversion is measured with `timer` once per machine, and the result stored in its folder.
    Without a timer, on a busy machine, or in a read-only folder, each text gets one thread.
    """
    told = threads or _told()
    cores = told or len(os.sched_getaffinity(0))
    if told or cores == 1:
        return Plan(one=Layout(workers=1, threads=cores), many=Layout(workers=cores, threads=1))
    untimed = Plan(one=Layout(workers=1, threads=1), many=Layout(workers=cores, threads=1))
    if _is_small(folder):
        return untimed
    machine = f"{processor()}, {cores} cores, CTranslate2 {version('ctranslate2')}"
    if found := _read(folder, machine):
        return found
    if timer is None or os.getloadavg()[0] > _BUSY * cores or not os.access(folder, os.W_OK):
        return untimed
    plan = measure(cores, timer)
    with suppress(OSError):  # disk full: measure again next time
        write_atomically(folder / THREADS, msgspec.json.encode(_Note(machine=machine, plan=plan)))
    return plan


def measure(cores: int, timer: Timer) -> Plan:
    """Return the fastest plan by `timer` among 1, 2, 4… threads per text."""
    seconds_one, seconds_many = {}, {}
    for threads in [2**power for power in range(cores.bit_length()) if 2**power <= cores]:
        seconds_one[threads], seconds_many[threads] = timer(Layout(workers=cores // threads, threads=threads))
    many = _fastest(seconds_many)
    return Plan(
        one=Layout(workers=1, threads=_fastest(seconds_one)),
        many=Layout(workers=cores // many, threads=many),
        seconds_one=seconds_one,
        seconds_many=seconds_many,
    )


def _fastest(seconds: dict[int, float]) -> int:
    best, *more = sorted(seconds)
    for threads in more:
        if seconds[threads] < _WORTH * seconds[best]:
            best = threads
    return best


def _read(folder: Path, machine: str) -> Plan | None:
    try:
        note = msgspec.json.decode((folder / THREADS).read_bytes(), type=_Note)
    except (OSError, ValueError, RecursionError):
        return None
    return note.plan if note.machine == machine else None


def _told() -> int:
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdigit() else 0


def _is_small(folder: Path) -> bool:
    return sum(path.stat().st_size for path in folder.glob("model.bin")) <= SMALL


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
