"""Reads the text of Word files, paragraph by paragraph."""

import io
import zipfile
from typing import Any

from assistant.dialogue.readers.files.archives import DAMAGES
from assistant.errors import InputUnreadable

_MOST_UNPACKED = 200 * 2**20


def is_word(content: bytes) -> bool:
    """Whether the bytes are a .docx file."""
    if not content.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "word/document.xml" in archive.namelist()
    except DAMAGES:
        return False


def word_text(content: bytes) -> str:
    """Return the paragraphs and tables in document order, one line each."""
    import docx

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _MOST_UNPACKED:
            raise InputUnreadable("the Word file unpacks to more than 200 MB: it is not read")
    try:
        document = docx.Document(io.BytesIO(content))
        return "\n".join(map(_block_text, document.iter_inner_content()))
    except Exception as error:  # a damaged file can make the parser raise anything
        raise InputUnreadable(f"the Word file is damaged: {' '.join(str(error).split())[:120]}") from error


def _block_text(block: Any) -> str:
    if hasattr(block, "rows"):
        return "\n".join("\t".join(cell.text.strip() for cell in row.cells) for row in block.rows)
    return str(block.text)
