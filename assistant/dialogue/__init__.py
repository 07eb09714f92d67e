"""Reads text into a Dialogue and writes it back: formats, files, renaming, splitting long dialogues."""

from assistant.dialogue.describing import describe
from assistant.dialogue.formats import FORMATS, Format, parse
from assistant.dialogue.opening import SPOKEN, open_dialogue
from assistant.dialogue.reading import MAX_BYTES, is_document, read_text
from assistant.dialogue.splitting import Part, split
from assistant.dialogue.writing import parse_renames, rename, render_turns

__all__ = [
    "FORMATS",
    "SPOKEN",
    "MAX_BYTES",
    "Format",
    "Part",
    "describe",
    "is_document",
    "open_dialogue",
    "parse",
    "parse_renames",
    "read_text",
    "rename",
    "render_turns",
    "split",
]
