"""The shape of the store, as numbered steps that only ever grow in number. Knows no records.

A step that was released is never changed: the next change is the next function. Each runs with its number in one
transaction, so a crash leaves the shape before it or after it.
"""

import sqlite3
from collections.abc import Callable

APPLICATION_ID = 0x5061726C  # "Parl": tells our file from any other SQLite file


def m001_completions(connection: sqlite3.Connection) -> None:
    """Every answer with what reproduces it; `settings` and `passage_ids` are JSON."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(
        """CREATE TABLE completions (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            created TEXT NOT NULL,
            prompt TEXT NOT NULL,
            mode TEXT NOT NULL,
            task TEXT NOT NULL,
            prompt_version TEXT NOT NULL,
            model TEXT NOT NULL,
            backend TEXT NOT NULL,
            backend_version TEXT NOT NULL,
            settings TEXT NOT NULL,
            answer TEXT NOT NULL,
            rationale TEXT NOT NULL,
            finished TEXT NOT NULL,
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            seconds REAL NOT NULL,
            draft_of TEXT NOT NULL,
            draft_index INTEGER NOT NULL,
            part_of TEXT NOT NULL,
            passage_ids TEXT NOT NULL
        )"""
    )
    connection.execute("CREATE INDEX completions_by_request ON completions (draft_of, draft_index)")
    connection.execute("CREATE INDEX completions_by_whole ON completions (part_of) WHERE part_of != ''")


Migration = Callable[[sqlite3.Connection], None]
MIGRATIONS: tuple[Migration, ...] = (m001_completions,)


def version_of(connection: sqlite3.Connection) -> int:
    """How many steps this database has taken."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, upto: int | None = None) -> None:
    """Take the missing steps, up to number `upto` where it is given (tests start from an old shape with it)."""
    target = len(MIGRATIONS) if upto is None else upto
    while version_of(connection) < target:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Read again under the lock: another process may have taken the step while this one waited.
            version = version_of(connection)
            if version < target:
                MIGRATIONS[version](connection)
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
