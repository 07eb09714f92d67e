"""The SQLite file: opening, locking, transactions, and its errors in words.

All threads of a process share one connection behind a lock (a statement takes well under a millisecond); processes wait
for each other by SQLite's locks, in WAL mode. Every acknowledged write is on disk.
"""

import secrets
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import msgspec

from assistant.errors import StoreDamaged, StoreUnavailable, UsageError
from assistant.feedback import migrations
from assistant.locations import ensure_dir, store_file

WAIT_SECONDS = 10.0
"""Seconds that a write waits for another program's write."""
ASIDE = "aside"
"""The kind of `unfinished` rows whose owner is set aside: hidden until it is deleted or brought back."""


def new_id() -> str:
    """Return a new id: 16 hexadecimal digits, 64 random bits."""
    return secrets.token_hex(8)


def kept(table: str) -> str:
    """Return the table for a FROM clause, without what was set aside for deletion."""
    hidden = f"SELECT owner FROM unfinished WHERE kind = '{ASIDE}'"  # noqa: S608 - a word of ours
    return f"(SELECT * FROM {table} WHERE id NOT IN ({hidden})) AS {table} "  # noqa: S608 - names of ours


def now() -> str:
    """Return the time in UTC, ISO 8601, to the microsecond, so that times sort as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Database:
    """An open database file, migrated to the current schema. Use it as a context manager, or call `close`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._connection = connection
        weakref.finalize(self, connection.close)  # also if nobody closes it
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path | None = None, read_only: bool = False, wait: float = WAIT_SECONDS) -> Self:
        """Open the file (by default `store_file()`), creating it if missing, private to the user.

        `read_only` never creates, migrates or changes anything. `wait` is the seconds to wait for another program's
        write. Raises StoreUnavailable if the file is locked, damaged, from a newer version, or not writable.
        """
        path = path or store_file()
        with _explained(path):
            _check(path, wait)
            if read_only:
                connection = _connect_to_read(path, wait)
            else:
                _create(path)
                connection = _connect_to_write(path, wait)
        return cls(path, connection, read_only=read_only)

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def back_up(self, target: Path) -> None:
        """Write a complete copy to `target`, which must not exist, while the store is in use."""
        with self.reading() as connection:
            target.touch(mode=0o600, exist_ok=False)
            connection.execute("VACUUM INTO ?", (str(target),))

    @classmethod
    def restore(cls, backup: Path, path: Path | None = None, wait: float = WAIT_SECONDS) -> None:
        """Replace the store's content by a backup, after checking its integrity; atomic.

        Programs with the store open see the new content. Raises StoreUnavailable if the backup is missing, damaged, or
        not Parley's.
        """
        with _explained(backup):
            _check(backup, wait)
            source = _connect_to_read(backup, wait)
            try:
                _check_integrity(source, backup)
                with cls.open(path, wait=wait) as store, _explained(store.path):
                    source.backup(store._connection)
            finally:
                source.close()
        cls.open(path, wait=wait).close()  # migrates an older backup

    @classmethod
    def check(cls, backup: Path) -> None:
        """Raise StoreUnavailable if a backup is missing, damaged, newer, or not Parley's; change nothing."""
        with _explained(backup):
            _check(backup, WAIT_SECONDS)
            source = _connect_to_read(backup, WAIT_SECONDS)
            try:
                _check_integrity(source, backup)
                if migrations.version_of(source) == 0:
                    raise StoreDamaged(f"{backup} is empty: use another backup; nothing was changed")
            finally:
                source.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection, for statements that change nothing."""
        with self._lock, _explained(self.path):
            yield self._connection

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """Give all reads inside a consistent snapshot of the store."""
        with self.reading() as connection:
            if connection.in_transaction:
                yield
                return
            connection.execute("PRAGMA query_only = ON")  # a write inside would be lost, so it fails
            connection.execute("BEGIN")
            try:
                yield
            finally:
                self._roll_back()
                connection.execute("PRAGMA query_only = OFF")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside a transaction, or inside the current one if there is one."""
        if self.read_only:
            raise StoreUnavailable(f"{self.path} is open for reading only")
        with self._lock, _explained(self.path):
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    def forget_text(self) -> None:
        """Remove deleted text from the search index and the journal. While another program reads, the journal keeps it
        until the store is next closed or written to.
        """
        with self.writing() as connection:
            for index in ("title_words", "message_words"):
                connection.execute(f"INSERT INTO {index} ({index}) VALUES ('optimize')")  # noqa: S608 - names of ours
        with self.reading() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _roll_back(self) -> None:
        # SQLite has already rolled back after some errors, such as a full disk.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _check(path: Path, wait: float) -> None:
    """Refuse a foreign or newer file before anything can change it."""
    if not path.exists() or path.stat().st_size == 0:
        return
    # Without a -wal file nobody is writing, and the file can be read without creating even a lock file.
    connection = _connect_to_read(path, wait) if _journal(path).exists() else _readable(path, "immutable=1", wait)
    try:
        is_ours = connection.execute("PRAGMA application_id").fetchone()[0] == migrations.APPLICATION_ID
        is_empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        version = migrations.version_of(connection)
    finally:
        connection.close()
    if not is_ours and not is_empty:
        raise StoreDamaged(f"{path} is a database of another program: move it away, or set ASSISTANT_HOME")
    if version > len(migrations.MIGRATIONS):
        raise StoreDamaged(
            f"{path} was written by a newer version of Parley (shape {version}, this one knows "
            f"{len(migrations.MIGRATIONS)}): install that version; nothing was changed"
        )


def _check_integrity(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
        raise StoreDamaged(f"{path} is damaged: use another backup; nothing was changed")


def _create(path: Path) -> None:
    """Create an empty private file if there is none; SQLite gives its -wal and -shm files the same mode."""
    ensure_dir(path.parent)
    if not path.exists():
        path.touch(mode=0o600)
    elif path.stat().st_mode & 0o077:
        path.chmod(0o600)
    # The file is not opened here: closing any descriptor of it would drop this process's locks on it (POSIX), which
    # another thread may hold.


def _connect_to_write(path: Path, wait: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=wait, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        _use_wal(connection, wait)
        # FULL: a commit is on disk before it is acknowledged. A rating cannot be recreated.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # Deleted content is overwritten in the file, not only unlinked.
        connection.execute("PRAGMA secure_delete = ON")
        migrations.migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection, wait: float) -> None:
    """Switch to WAL. SQLite does not always wait when several programs switch a new file simultaneously (7 of 600 opens
    failed, four processes on 150 files), so this does.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _connect_to_read(path: Path, wait: float) -> sqlite3.Connection:
    if not path.exists():
        raise StoreUnavailable(f"nothing is stored yet: there is no {path}")
    try:
        return _readable(path, "mode=ro", wait)
    except sqlite3.OperationalError as error:
        # In a read-only folder SQLite cannot create its -shm file; without a -wal file nobody is writing, and the file
        # can be read as it is.
        if "locked" in str(error) or _journal(path).exists():
            raise
        return _readable(path, "immutable=1", wait)


def _journal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _readable(path: Path, options: str, wait: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{options}", uri=True, timeout=wait, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and the system into one line that says what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _kind(error)(_sentence(path, error)) from error
    except msgspec.DecodeError as error:
        raise StoreUnavailable(f"{path} holds a record that this version cannot read: {error}") from error
    except UnicodeEncodeError as error:
        raise UsageError("the text contains bytes that are not characters: save it as UTF-8") from error
    except OSError as error:
        raise StoreUnavailable(
            f"cannot use {path} ({error.strerror or error}): check the disk and the permissions, or set ASSISTANT_HOME "
            "to another folder"
        ) from error


def _kind(error: sqlite3.Error) -> type[StoreUnavailable]:
    return StoreDamaged if any(sign in str(error) for sign in ("malformed", "not a database")) else StoreUnavailable


_KEPT = "what was stored is kept"


def _sentence(path: Path, error: sqlite3.Error) -> str:
    text = str(error)
    advice = {
        "locked": f"{path} is in use by another program: close it, or try again in a moment",
        "readonly": f"{path} cannot be written: check its permissions, or set ASSISTANT_HOME to another folder",
        "unable to open": f"{path} cannot be opened: check the folder's permissions, or set ASSISTANT_HOME",
        "full": f"the disk that holds {path} is full: free some space; nothing was changed",
        "disk I/O error": f"the disk that holds {path} is full or failing: free some space and try again; {_KEPT}",
        "malformed": f"{path} is damaged: restore a backup with `assistant restore`, or move it away",
        "not a database": f"{path} is no database: restore a backup with `assistant restore`, or move it away",
    }
    return next((line for sign, line in advice.items() if sign in text), f"{path}: {text}")
