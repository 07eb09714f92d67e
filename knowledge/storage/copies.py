"""Copies of the catalog: creates one while the catalog is in use, and verifies one."""

import contextlib
from pathlib import Path

from knowledge.errors import CatalogUnavailable
from knowledge.storage.catalog import connect_to_read, explained
from knowledge.storage.migrations import MIGRATIONS

_TABLES = {"meta", "roots", "documents", "passages"}


def back_up(source: Path, target: Path) -> None:
    """Write a complete copy of a catalog to `target`, which must not exist, while it may be in use."""
    with explained(source), contextlib.closing(connect_to_read(source)) as database:
        target.touch(mode=0o600, exist_ok=False)
        database.execute("VACUUM INTO ?", (str(target),))


def check(path: Path) -> None:
    """Raise CatalogUnavailable if a copy is damaged, newer, or no catalog; change nothing."""
    with explained(path), contextlib.closing(connect_to_read(path)) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise CatalogUnavailable(f"{path} was written by a newer version of Parley: install that one")
        if not {name for (name,) in database.execute("SELECT name FROM sqlite_master")} >= _TABLES:
            raise CatalogUnavailable(f"{path} is no catalog of documents")
        if database.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise CatalogUnavailable(f"{path} is damaged: use another backup; nothing was changed")
