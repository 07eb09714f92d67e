"""File locks, for a run's folder and for stages of which only one run may be active."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from assistant.errors import AssistantError
from assistant.locations import ensure_dir, runs_dir


class RunLocked(AssistantError):
    """Another process works on the run, or on another run of the stage."""


class Lock:
    """A lock on a file until `close` or the end of the process. The file names its owner.

    If another process holds the lock, raises RunLocked with the message that `refusal` makes of the owner's name.
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
        """Write the owner's name into the file."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(owner)
        self._file.flush()

    def close(self) -> None:
        """Release the lock."""
        self._file.close()


def is_held(place: Path) -> bool:
    """Return whether a process holds the lock."""
    try:
        with place.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


@contextmanager
def alone(stage: str) -> Iterator[Callable[[str], None]]:
    """Hold the stage's lock. Yields a function that sets the name of the run that holds it. Raises RunLocked, which
    names the other run and its process, if the lock is taken.
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
