"""Writes files so that a crash or a full disk leaves the old content or the new, never a mixture."""

import os
import secrets
from pathlib import Path

from assistant.locations import ensure_dir


def write_atomically(path: Path, content: bytes) -> None:
    """Write a temporary file with mode 0600, flush it to disk, and rename it into place."""
    ensure_dir(path.parent)
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
    sync_dir(path.parent)


def free_path(folder: Path, name: str, suffix: str) -> Path:
    """Return an unused path in the folder: `name.suffix`, else `name-2.suffix`, and so on."""
    path, number = folder / f"{name}.{suffix}", 2
    while path.exists():
        path, number = folder / f"{name}-{number}.{suffix}", number + 1
    return path


def sync_dir(folder: Path) -> None:
    """Flush a folder's entries to disk, so that a rename inside it survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(place: Path) -> None:
    """Flush a file, or a folder with all its content, to disk."""
    for entry in (place, *place.rglob("*")):
        sync_dir(entry)
