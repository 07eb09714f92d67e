"""Private files of the knowledge base: atomic writes, a writer lock, safe reads."""

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from knowledge.errors import DocumentUnreadable, KnowledgeBusy


def ensure_private(folder: Path) -> Path:
    """Create the folder and its missing parents with mode 0700, and return it."""
    for place in reversed([p for p in (folder, *folder.parents) if not p.exists()]):
        place.mkdir(mode=0o700, exist_ok=True)
    return folder


def write_whole(path: Path, content: bytes) -> None:
    """Write a temporary file with mode 0600, flush it to disk, and rename it into place."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def writer_lock(path: Path) -> Iterator[None]:
    """Hold the lock for the only writing process. The system releases it if the process dies. Raises KnowledgeBusy."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KnowledgeBusy("another process is changing the knowledge base: wait until it is done") from None
        yield
    finally:
        os.close(descriptor)


def read_steady(path: Path, most_bytes: int) -> bytes:
    """Return the file's bytes. Raises DocumentUnreadable unless it is a regular file of at most that size and unchanged
    while it is read.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe would wait forever for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise DocumentUnreadable(f"cannot be opened: {(error.strerror or str(error)).lower()}") from error
    with os.fdopen(descriptor, "rb") as stream:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise DocumentUnreadable("not a regular file")
        if before.st_size > most_bytes:
            size, most = before.st_size / 2**20, most_bytes / 2**20
            raise DocumentUnreadable(f"too large: {size:,.0f} MiB, and at most {most:,.0f} MiB are read")
        try:
            content = stream.read(most_bytes + 1)
        except OSError as error:
            raise DocumentUnreadable(f"cannot be read: {(error.strerror or str(error)).lower()}") from error
        after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(content) != before.st_size:
        raise DocumentUnreadable("changed while it was read: run update again")
    return content
