"""Reads turns out of JSON and JSON Lines, whichever of the usual names its fields have. Knows no one tool's export."""

import json
from collections.abc import Iterable
from typing import Any

from assistant.dialogue.named import read_names, read_tags, read_transcript
from assistant.dialogue.turns import NARRATOR, Reading, clean_text, make_turn
from assistant.records import Turn

_SPEAKER = ("speaker", "author", "name", "from", "sender", "user", "username", "participant", "role")
_TEXT = ("text", "content", "message", "body", "utterance", "msg", "parts")
_TIME = ("time", "timestamp", "date", "ts", "created_at", "start")
_TURNS = ("messages", "turns", "dialogue", "dialog", "conversation", "utterances", "transcript", "segments", "chat")


def read_json(text: str) -> Reading | None:
    """A list of turns, or an object that holds one."""
    if not text.lstrip().startswith(("[", "{")):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _read_text(value) or _read_turns(_find_turns(value))


def read_json_lines(text: str) -> Reading | None:
    """One object a line, each a turn."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines or not all(line.lstrip().startswith("{") for line in lines):
        return None
    try:
        return _read_turns([json.loads(line) for line in lines])
    except (ValueError, RecursionError):
        return None


def _read_text(value: Any) -> Reading | None:
    """The turns of an object such as {"id": 7, "dialogue": "Ana: hello\\nBen: hi"}."""
    texts = (value[key] for key in _TURNS if isinstance(value.get(key), str)) if isinstance(value, dict) else ()
    text = clean_text(next(iter(texts), ""))
    return (read_tags(text) or read_names(text) or read_transcript(text)) if text else None


def _find_turns(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = next((value[key] for key in _TURNS if isinstance(value.get(key), list)), [value])
    return value if isinstance(value, list) else []


def _read_turns(rows: Iterable[Any]) -> Reading | None:
    """Turns from rows that are objects with a text; None where none is. Rows without speech are left out."""
    turns: list[Turn] = []
    left_out = 0
    understood = False
    for row in rows:
        if not isinstance(row, dict):
            return None
        said = _first(row, _TEXT)
        understood = understood or said is not None
        speaker = _flatten(_first(row, _SPEAKER)) or NARRATOR
        turn = make_turn(speaker, clean_text(_flatten(said)), clean_text(_flatten(_first(row, _TIME))))
        if turn:
            turns.append(turn)
        else:
            left_out += 1
    return Reading(turns=tuple(turns), left_out=left_out) if understood else None


def _first(row: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _flatten(value: Any, depth: int = 3) -> str:
    """The text in a value: itself, a number's digits, an object's name or text, or the parts of a list in a row."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, dict) and depth:
        return _flatten(_first(value, ("name", "display_name", "real_name", "first_name", *_TEXT, "role")), depth - 1)
    if isinstance(value, list) and depth:
        return "".join(_flatten(part, depth - 1) for part in value)
    return ""
