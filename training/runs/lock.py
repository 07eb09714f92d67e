"""One run of a stage at a time on this machine: the second is refused, and told of the first."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from assistant.locations import ensure_dir, runs_dir
from training.runs.run import RunLocked


@contextmanager
def alone(stage: str) -> Iterator[Callable[[str], None]]:
    """Hold the stage's lock; the function given says which run holds it. Raises RunLocked with that run's name and
    process. The system frees the lock of a process that dies.
    """
    place = ensure_dir(runs_dir()) / f".{stage}.lock"
    with os.fdopen(os.open(place, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = lock.read().strip() or "another run"
            raise RunLocked(f"{owner} is at work: wait for it, or stop it; two would spoil each other") from error

        def tell(run: str) -> None:
            lock.seek(0)
            lock.truncate()
            lock.write(f"{run} (pid {os.getpid()})")
            lock.flush()

        tell(f"a run of {stage}")
        yield tell
