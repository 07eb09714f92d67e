"""Runs processes in which no network socket can be opened, and tells which tried.

The folder of this package goes first on PYTHONPATH, so that each Python process of the tree begins with
`sitecustomize.py` from here. Unix sockets are allowed: processes of one machine talk through them.
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
    """A network call that was stopped: what it was, and the command line of the process."""

    event: str
    command: str


def environment(log: Path, base: Mapping[str, str] | None = None, *, strict: bool = True) -> dict[str, str]:
    """The environment that puts a process and all of its children under the guard; attempts are written to `log`.

    `strict` has the system stop what does not go through Python too, where it can (Linux).
    """
    found = dict(os.environ if base is None else base)
    places = [place for place in found.get("PYTHONPATH", "").split(os.pathsep) if place]
    here = str(Path(__file__).parent)
    found["PYTHONPATH"] = os.pathsep.join([here, *(place for place in places if place != here)])
    found[LOG] = str(log)
    found[STRICT] = "1" if strict else ""
    return found


def attempts(log: Path) -> list[Attempt]:
    """Every attempt that was noted, in order."""
    if not log.exists():
        return []
    return [msgspec.json.decode(line, type=Attempt) for line in log.read_bytes().splitlines()]


@contextmanager
def log_file() -> Iterator[Path]:
    """A place for attempts that goes at the end."""
    with tempfile.TemporaryDirectory(prefix="parley-guard-") as folder:
        yield Path(folder) / "attempts.jsonl"
