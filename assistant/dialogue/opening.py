"""Opens a file or bytes as a Dialogue: unpacks containers, detects encodings, recognizes formats."""

from pathlib import Path
from typing import BinaryIO

from assistant.dialogue.formats import FORMATS, dialogue_of, parse, read_any
from assistant.dialogue.readers.files.archives import read_archive
from assistant.dialogue.readers.files.pages import is_page, read_page
from assistant.dialogue.readers.files.word import is_word, word_text
from assistant.dialogue.readers.mail.files import is_mail_folder, read_mail_file, read_mail_folder
from assistant.dialogue.reading import decode_text, read_bytes
from assistant.dialogue.turns import Reading
from assistant.errors import InputUnreadable
from assistant.records import Dialogue

SPOKEN = (frozenset(FORMATS) | {"page", "archive"}) - {"narration", "transcript", "timed", "table"}
"""Formats by which a document counts as a conversation. The others would take "Note: see below" in a report for a turn.
"""


def open_dialogue(source: Path | BinaryIO | bytes, format: str = "") -> Dialogue:
    """Read the conversation in a file, a Maildir, a stream or bytes, in the format named or else the one recognized.

    Raises UsageError for a missing file or an unknown format, and InputUnreadable if there is no conversation.
    """
    if isinstance(source, Path) and is_mail_folder(source):
        reading = read_mail_folder(source)
        if reading is None:
            raise InputUnreadable(f"{source.name} holds no mail")
        return dialogue_of("mail", reading)
    content, name = read_bytes(source)
    if format:
        return parse(decode_text(content, name), format)
    if (contained := _contained(content)) is not None:
        return dialogue_of(*contained)
    if is_word(content):
        return parse(word_text(content))
    text = decode_text(content, name)
    if is_page(text):
        page = read_page(text, lambda visible: read_any(visible)[1])
        if page is not None:
            return dialogue_of("page", page)
    return parse(text)


def _contained(content: bytes) -> tuple[str, Reading] | None:
    """Read a container that is not text: stored mail or an archive."""
    if (mail := read_mail_file(content)) is not None:
        return "mail", mail
    if content.startswith(b"PK\x03\x04") and not is_word(content):
        found = read_archive(content, lambda inner: read_any(decode_text(inner, "the file in the archive"))[1])
        return ("archive", found) if found is not None else None
    return None
