"""Decodes bytes to text: detects the encoding, refuses binary data."""

import codecs
from pathlib import Path
from typing import BinaryIO

from assistant.errors import InputUnreadable, UsageError
from assistant.terminal import one_line, printable

MAX_BYTES = 20 * 1024 * 1024
DOCUMENTS = frozenset({".pdf", ".docx", ".html", ".htm", ".xhtml"})
"""Suffixes of files whose text a document loader extracts; all others are read as text."""
_SAMPLE_BYTES = 65_536
_MAX_STRANGE_SHARE = 0.1
_REGIONAL = [
    "cp932", "euc_jp", "gb18030", "big5", "cp949", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255",
    "cp1256", "koi8_r", "mac_roman",
]  # fmt: skip
"""Candidate encodings of text that is not Unicode."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # UTF-32 first: its little-endian mark starts with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(source: Path | BinaryIO | bytes) -> str:
    """Return the text in a file, a binary stream or bytes, without control characters.

    Raises UsageError for a missing file, and InputUnreadable for a directory, an unreadable file, more than 20 MB, or
    anything that is not text.
    """
    return decode_text(*read_bytes(source))


def read_bytes(source: Path | BinaryIO | bytes) -> tuple[bytes, str]:
    """Return the content of a file, a binary stream or bytes, and its name for messages. Raises as `read_text` does."""
    name = one_line(str(source)) if isinstance(source, Path) else "the input"
    if isinstance(source, Path):
        content = _read_file(source, name)
    elif isinstance(source, bytes):
        content = source
    else:
        content = source.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise _too_large(name)
    return content, name


def decode_text(content: bytes, name: str) -> str:
    """Decode bytes to text without control characters. Raises InputUnreadable for binary data."""
    return printable(_decode(content, name))


def is_document(path: Path) -> bool:
    """Whether the file's suffix is that of a document."""
    return path.suffix.lower() in DOCUMENTS


def _read_file(path: Path, name: str) -> bytes:
    try:
        if path.is_dir():
            raise InputUnreadable(f"{name} is a folder; name a file in it")
        if path.stat().st_size > MAX_BYTES:
            raise _too_large(name)
        with path.open("rb") as stream:
            # Devices and pipes report no size, so the read is limited too.
            return stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"there is no file {name}; check the path, or pass - to read standard input") from None
    except PermissionError:
        raise InputUnreadable(f"no permission to read {name}; make it readable (chmod u+r) or copy it") from None
    except (OSError, ValueError) as error:
        raise InputUnreadable(f"cannot read {name}: {one_line(str(error))}") from error


def _too_large(name: str) -> InputUnreadable:
    return InputUnreadable(f"{name} is larger than {MAX_BYTES // 2**20} MB; split it, or cut out the part that matters")


def _decode(content: bytes, name: str) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return _decode_as(content, encoding, name)
    if (guess := _utf16_without_mark(content)) is not None:
        return _decode_as(content, guess, name)
    if b"\0" in content:
        raise _no_text(name)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return _refuse_binary(_guessed(content), name)


def _guessed(content: bytes) -> str:
    """Decode with the regional encoding that charset-normalizer finds most plausible."""
    from charset_normalizer import from_bytes  # takes 50 ms to import

    sample = content[:_SAMPLE_BYTES]
    best = from_bytes(sample, cp_isolation=_REGIONAL, language_threshold=0.0).best()
    # cp1252 is Latin-1 with typographic quotes instead of control characters.
    return content.decode(best.encoding if best else "cp1252", errors="replace")


def _decode_as(content: bytes, encoding: str, name: str) -> str:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise InputUnreadable(f"{name} is damaged: it claims to be {encoding} but is not") from None
    return _refuse_binary(text, name)


def _utf16_without_mark(content: bytes) -> str | None:
    """Recognize UTF-16 without a byte order mark: nearly every second byte is zero, and hardly any other."""
    sample = content[:_SAMPLE_BYTES]
    if len(sample) < 4 or len(content) % 2:
        return None
    even, odd = sample[::2].count(0) / len(sample[::2]), sample[1::2].count(0) / len(sample[1::2])
    if odd > 0.7 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.7 and odd < 0.05 else None


def _refuse_binary(text: str, name: str) -> str:
    """Raise InputUnreadable if more than a tenth of the text is control characters or undecodable."""
    sample = text[:_SAMPLE_BYTES]
    strange = sum(letter == "\ufffd" or (ord(letter) < 32 and letter not in "\t\n\r\f\x1b") for letter in sample)
    if strange > _MAX_STRANGE_SHARE * len(sample):
        raise _no_text(name)
    return text


def _no_text(name: str) -> InputUnreadable:
    return InputUnreadable(f"{name} contains no text; give a conversation as plain text, captions, mail or JSON")
