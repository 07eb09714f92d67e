"""Text to Dialogue and back: formats, files, renaming, splitting what is too long. Knows no model and no prompt."""

from assistant.dialogue.formats import FORMATS, Format, parse
from assistant.dialogue.reading import MAX_BYTES, is_document, read_text
from assistant.dialogue.splitting import Part, split
from assistant.dialogue.writing import parse_renames, rename, render_turns

__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "Format",
    "Part",
    "is_document",
    "parse",
    "parse_renames",
    "read_text",
    "rename",
    "render_turns",
    "split",
]
