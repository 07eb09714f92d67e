"""Files that one process holds at a time: a run's folder, and a stage that runs once at a time."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from assistant.errors import AssistantError
from assistant.locations import ensure_dir, runs_dir


class RunLocked(AssistantError):
    """Another process works on the run, or on another of the stage."""


class Lock:
    """A file held from here until `close`, or until the process dies. It says who holds it.

    Raises RunLocked where another process does, with what `refusal` makes of the text that this one left.
    """

    def __init__(self, place: Path, refusal: Callable[[str], str]) -> None:
        self._file = os.fdopen(os.open(place, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = self._file.read().strip()
            self._file.close()
            raise RunLocked(refusal(owner)) from error

    def tell(self, owner: str) -> None:
        """Leave word of who holds it."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(owner)
        self._file.flush()

    def close(self) -> None:
        """Let go of it."""
        self._file.close()


def is_held(place: Path) -> bool:
    """Whether a process holds the file."""
    try:
        with place.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


@contextmanager
def alone(stage: str) -> Iterator[Callable[[str], None]]:
    """Hold the stage's lock; the function given says which run holds it. Raises RunLocked with that run's name and
    process.
    """

    def refusal(owner: str) -> str:
        return f"{owner or 'another run'} is at work: wait for it, or stop it; two would spoil each other"

    def tell(run: str) -> None:
        lock.tell(f"{run} (pid {os.getpid()})")

    lock = Lock(ensure_dir(runs_dir()) / f".{stage}.lock", refusal)
    try:
        tell(f"a run of {stage}")
        yield tell
    finally:
        lock.close()
