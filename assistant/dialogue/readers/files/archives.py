"""Reads archives that programs export: WhatsApp's .zip with its chat, Slack's with channels and users."""

import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from assistant.dialogue.readers.exports.slack import read_slack, user_names
from assistant.dialogue.turns import Reading
from assistant.errors import InputUnreadable
from assistant.terminal import one_line

_LARGEST = 50 * 2**20
"""The maximum unpacked size of one file in an archive, in bytes."""
DAMAGES = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, NotImplementedError)
"""The exceptions Python raises for a damaged archive or an unknown compression."""


def read_archive(content: bytes, read_bytes: Callable[[bytes], Reading | None]) -> Reading | None:
    """Read the conversation in a zip. Raises InputUnreadable for none, for several, and for too large files."""
    with _open(content) as archive:
        entries = {
            entry.filename: entry
            for entry in archive.infolist()
            if not entry.is_dir() and "__MACOSX" not in entry.filename
        }
        if "users.json" in {PurePosixPath(name).name for name in entries}:
            return _read_slack(archive, entries)
        texts = [name for name in entries if name.lower().endswith((".txt", ".json", ".html", ".csv", ".vtt", ".srt"))]
        chats = [
            name for name in texts if PurePosixPath(name).name in ("_chat.txt", "result.json", "message_1.json")
        ] or texts
        if len(chats) != 1:
            names = ", ".join(sorted(chats)[:5]) or "none"
            raise InputUnreadable(f"the zip file holds {len(chats)} conversations ({names}): unpack it and name one")
        return read_bytes(_unpack(archive, entries[chats[0]]))


def _open(content: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except DAMAGES:
        raise _damaged() from None


def _damaged() -> InputUnreadable:
    return InputUnreadable("the zip file is damaged: unpack it and name the file with the conversation")


def _read_slack(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> Reading | None:
    """Read the channel of a Slack export, with its days joined."""
    users: dict[str, str] = {}
    channels: dict[str, list[Any]] = {}
    for name, entry in sorted(entries.items()):
        path = PurePosixPath(name)
        if path.suffix != ".json":
            continue
        if path.name == "users.json":
            users = user_names(_json(archive, entry))
        elif len(path.parts) > 1 and path.stem[:4].isdigit():
            channels.setdefault(path.parts[-2], []).extend(_json(archive, entry))
    if len(channels) != 1:
        names = ", ".join(sorted(channels)[:8]) or "none"
        raise InputUnreadable(
            f"the Slack export holds {len(channels)} channels ({names}): unpack it and name a day's file"
        )
    return read_slack(next(iter(channels.values())), users)


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.flag_bits & 1:
        raise InputUnreadable("the zip file has a password: unpack it and name the file with the conversation")
    if entry.file_size > _LARGEST:
        raise InputUnreadable(f"{one_line(entry.filename)} unpacks to more than {_LARGEST // 2**20} MB: it is not read")
    try:
        with archive.open(entry) as stream:
            return stream.read(_LARGEST + 1)[:_LARGEST]
    except DAMAGES:
        raise _damaged() from None


def _json(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> list[Any]:
    """Return the list in a JSON file of an archive. Raises InputUnreadable for anything else."""
    try:
        found = json.loads(_unpack(archive, entry))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise InputUnreadable(f"{one_line(entry.filename)} in the zip file is damaged: it holds no list in JSON")
    return found
