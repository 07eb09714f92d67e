"""Text to Dialogue and back: formats, files, renaming, splitting what is too long. Knows no model and no prompt."""

from assistant.dialogue.formats import FORMATS, Format, parse
from assistant.dialogue.writing import parse_renames, rename, render_turns

__all__ = [
    "FORMATS",
    "Format",
    "parse",
    "parse_renames",
    "rename",
    "render_turns",
]
