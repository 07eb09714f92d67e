"""The schema of the store, as numbered migrations.

A released migration is never changed: the next change is a new function. Each runs with its number in one transaction,
so that a crash leaves the schema before or after it.
"""

import sqlite3
from collections.abc import Callable

APPLICATION_ID = 0x5061726C  # "Parl": identifies Parley's files among SQLite files


def m001_completions(connection: sqlite3.Connection) -> None:
    """Every answer, with all that is needed to reproduce it; `settings` and `passage_ids` are JSON."""
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


def m002_chats(connection: sqlite3.Connection) -> None:
    """Chats, their messages, the answers that messages show, the search index, and unfinished input."""
    connection.execute(
        """CREATE TABLE chats (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            created TEXT NOT NULL,
            updated TEXT NOT NULL,
            title TEXT NOT NULL,
            settings TEXT NOT NULL,
            forked_from TEXT NOT NULL
        )"""
    )
    connection.execute("CREATE INDEX chats_by_time ON chats (updated)")
    connection.execute(
        """CREATE TABLE messages (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            chat TEXT NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
            created TEXT NOT NULL,
            kind TEXT NOT NULL,
            text TEXT NOT NULL
        )"""
    )
    connection.execute("CREATE INDEX messages_by_chat ON messages (chat, seq)")
    connection.execute(
        """CREATE TABLE shown (
            message TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            completion TEXT NOT NULL REFERENCES completions (id) ON DELETE CASCADE,
            PRIMARY KEY (message, position)
        )"""
    )
    connection.execute("CREATE INDEX shown_by_completion ON shown (completion)")
    connection.execute(
        """CREATE TABLE unfinished (
            owner TEXT NOT NULL,
            kind TEXT NOT NULL,
            text TEXT NOT NULL,
            PRIMARY KEY (owner, kind)
        )"""
    )
    connection.execute("CREATE TABLE tombstones (id TEXT PRIMARY KEY, kind TEXT NOT NULL, deleted TEXT NOT NULL)")
    _index_words(connection, "title_words", "chats", "title")
    _index_words(connection, "message_words", "messages", "text")


def m003_judgements(connection: sqlite3.Connection) -> None:
    """Ratings and rankings: `body` is the record as it was made (JSON), the columns are for queries.

    `subject` is equal for judgements of the same thing by the same rater, of which one is in force.
    """
    connection.execute(
        """CREATE TABLE judgements (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            rater TEXT NOT NULL,
            subject TEXT NOT NULL,
            body TEXT NOT NULL,
            supersedes TEXT NOT NULL,
            ended TEXT NOT NULL,
            ended_by TEXT NOT NULL
        )"""
    )
    connection.execute("CREATE INDEX judgements_in_force ON judgements (rater, subject) WHERE ended = ''")
    connection.execute(
        """CREATE TABLE judged (
            judgement TEXT NOT NULL REFERENCES judgements (id) ON DELETE CASCADE,
            completion TEXT NOT NULL REFERENCES completions (id),
            PRIMARY KEY (judgement, completion)
        ) WITHOUT ROWID"""
    )
    connection.execute("CREATE INDEX judged_by_completion ON judged (completion)")


def m004_model_sources(connection: sqlite3.Connection) -> None:
    """Which judgements trained which model version. Only ids, which stay when the judgement is deleted."""
    connection.execute(
        """CREATE TABLE model_sources (
            version TEXT NOT NULL,
            judgement TEXT NOT NULL,
            PRIMARY KEY (version, judgement)
        ) WITHOUT ROWID"""
    )
    connection.execute("CREATE INDEX model_sources_by_judgement ON model_sources (judgement)")


def m005_digests(connection: sqlite3.Connection) -> None:
    """The parts of digests, as JSON, so that each can be marked when a chat is opened again."""
    connection.execute(
        """CREATE TABLE digests (
            completion TEXT PRIMARY KEY REFERENCES completions (id) ON DELETE CASCADE,
            body TEXT NOT NULL
        ) WITHOUT ROWID"""
    )


def m006_pins(connection: sqlite3.Connection) -> None:
    """Pinned chats."""
    connection.execute("ALTER TABLE chats ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0")


def _index_words(connection: sqlite3.Connection, index: str, table: str, column: str) -> None:
    """Create a full-text index of a column without a copy of the text; triggers keep it up to date (SQLite's FTS5
    manual, 4.4.3, external content).
    """
    connection.execute(
        f"CREATE VIRTUAL TABLE {index} USING fts5({column}, content={table}, content_rowid=seq, "
        "tokenize='unicode61 remove_diacritics 2')"
    )
    add = f"INSERT INTO {index} (rowid, {column}) VALUES (new.seq, new.{column});"  # noqa: S608 - names of ours
    remove = f"INSERT INTO {index} ({index}, rowid, {column}) VALUES ('delete', old.seq, old.{column});"  # noqa: S608
    connection.execute(f"CREATE TRIGGER {index}_added AFTER INSERT ON {table} BEGIN {add} END")
    connection.execute(f"CREATE TRIGGER {index}_removed AFTER DELETE ON {table} BEGIN {remove} END")
    connection.execute(f"CREATE TRIGGER {index}_changed AFTER UPDATE OF {column} ON {table} BEGIN {remove} {add} END")


Migration = Callable[[sqlite3.Connection], None]
MIGRATIONS: tuple[Migration, ...] = (
    m001_completions,
    m002_chats,
    m003_judgements,
    m004_model_sources,
    m005_digests,
    m006_pins,
)


def version_of(connection: sqlite3.Connection) -> int:
    """Return how many migrations this database has had."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, upto: int | None = None) -> None:
    """Run the missing migrations, up to number `upto` if given (for tests that start from an old schema)."""
    target = len(MIGRATIONS) if upto is None else upto
    while version_of(connection) < target:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Read again under the lock: another process may have migrated while this one waited.
            version = version_of(connection)
            if version < target:
                MIGRATIONS[version](connection)
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # not after a COMMIT (Ctrl+C) or SQLite's own rollback (full disk)
                connection.execute("ROLLBACK")
            raise
