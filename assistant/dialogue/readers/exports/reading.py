"""Reads JSON and JSON Lines with the first program's reader that knows the shape, else generically."""

import json
import re
from collections.abc import Callable

from assistant.dialogue.readers.exports.assistants import read_chatgpt, read_claude
from assistant.dialogue.readers.exports.discord import read_discord
from assistant.dialogue.readers.exports.generic import keys_of, read_generic, read_rows
from assistant.dialogue.readers.exports.guessing import read_guessed
from assistant.dialogue.readers.exports.matrix import read_matrix
from assistant.dialogue.readers.exports.messenger import read_messenger
from assistant.dialogue.readers.exports.slack import read_slack
from assistant.dialogue.readers.exports.speech import read_speech
from assistant.dialogue.readers.exports.support import read_intercom, read_x, read_zendesk
from assistant.dialogue.readers.exports.telegram import read_telegram
from assistant.dialogue.readers.exports.values import Json
from assistant.dialogue.readers.messages import Message, reading_of
from assistant.dialogue.readers.named import read_names, read_transcript
from assistant.dialogue.turns import Reading, clean_text
from assistant.errors import InputUnreadable

EXPORTS: tuple[Callable[[Json], Reading | None], ...] = (
    read_chatgpt,
    read_claude,
    read_telegram,
    read_discord,
    read_messenger,
    read_matrix,
    read_slack,
    read_speech,
    read_zendesk,
    read_intercom,
    read_x,
    read_generic,
)
"""The readers of exports; each returns None for a shape it does not know."""

_ASSIGNED = re.compile(r"\s*window\.YTD\.\w+\.part\d+\s*=\s*")
"""X's archive wraps its JSON in scripts."""


def read_json(text: str) -> Reading | None:
    """Read a JSON file. Raises InputUnreadable, with the file's keys, if nobody says anything in it."""
    if script := _ASSIGNED.match(text):
        text = text[script.end() :]
    if not text.lstrip().startswith(("[", "{")):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list) and not any(isinstance(one, dict) for one in value):
        return _read_bare(value)
    return read_value(value) if isinstance(value, list | dict) else None


def read_value(value: Json) -> Reading:
    """Read the conversation in a JSON value. Raises InputUnreadable if there is none."""
    for read in EXPORTS:
        if (reading := read(value)) is not None:
            return reading
    names = ", ".join(keys_of(value)) or "none"
    raise InputUnreadable(f"this JSON holds no messages that Parley knows: no sender and text among its keys ({names})")


def _read_bare(value: list[Json]) -> Reading | None:
    """Read a list of [name, text] pairs, or of texts that start with a name."""
    if all(isinstance(one, list) and len(one) == 2 and all(isinstance(part, str) for part in one) for one in value):
        return reading_of((Message(speaker=name, text=said) for name, said in value), {}, "JSON")
    lines = "\n".join(clean_text(one) for one in value if isinstance(one, str))
    return read_names(lines) or read_transcript(lines)


def read_json_lines(text: str) -> Reading | None:
    """Read one object per line, each a message."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines or not all(line.lstrip().startswith("{") for line in lines):
        return None
    try:
        rows = [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        return None
    rows = [row for row in rows if isinstance(row, dict)]
    return read_rows(rows) or read_guessed(rows)
