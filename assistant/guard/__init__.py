"""Runs processes that cannot open a network socket, and reports attempts.

This package's folder comes first on PYTHONPATH, so that each Python process of the tree runs its `sitecustomize.py`
first. Unix sockets are allowed: they only connect processes of one machine.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

LOG = "PARLEY_GUARD_LOG"
STRICT = "PARLEY_GUARD_STRICT"


class Attempt(msgspec.Struct, frozen=True):
    """A blocked network call: the event, and the command line of the process."""

    event: str
    command: str


def environment(log: Path, base: Mapping[str, str] | None = None, *, strict: bool = True) -> dict[str, str]:
    """Return the environment that puts a process and its children under the guard; attempts are written to `log`.

    With `strict` the operating system also blocks calls that bypass Python, if it can (Linux).
    """
    found = dict(os.environ if base is None else base)
    places = [place for place in found.get("PYTHONPATH", "").split(os.pathsep) if place]
    here = str(Path(__file__).parent)
    found["PYTHONPATH"] = os.pathsep.join([here, *(place for place in places if place != here)])
    found[LOG] = str(log)
    found[STRICT] = "1" if strict else ""
    return found


def attempts(log: Path) -> list[Attempt]:
    """Return every recorded attempt, in order."""
    if not log.exists():
        return []
    return [msgspec.json.decode(line, type=Attempt) for line in log.read_bytes().splitlines()]


@contextmanager
def log_file() -> Iterator[Path]:
    """Yield a temporary file for attempts."""
    with tempfile.TemporaryDirectory(prefix="parley-guard-") as folder:
        yield Path(folder) / "attempts.jsonl"
