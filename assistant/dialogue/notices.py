"""Tells messages written by programs from those written by people, by the tables in notices.toml."""

import re
import tomllib
from functools import cache
from importlib.resources import files

from assistant.dialogue.readers.messages import DELETED, MEDIA, NOTICES, REACTIONS

LONGEST = 300
"""The maximum length of a notice in characters."""
_MOST_SPACES = 10
_OPENING = (
    "<",
    "[",
    "(",
    "{",
    "!",
    "Reacted",
    "reacted",
    "Removed",
    "Liked",
    "Loved",
    "Laughed",
    "Emphasized",
    "Disliked",
    "Questioned",
)
"""The possible beginnings of a placeholder with more than `_MOST_SPACES` spaces."""


def kind_of(line: str) -> str:
    """Return the kind of a named speaker's message that is no speech ("media", "deleted", "reactions", "notices");
    empty for speech.
    """
    said = line.strip()
    if not said or len(said) > LONGEST:
        return ""
    if _encrypted().fullmatch(said):
        return NOTICES
    if said.count(" ") > _MOST_SPACES and not said.startswith(_OPENING):
        return ""
    match = _placeholder().fullmatch(said.rstrip(".。।۔"))
    return str(match.lastgroup) if match else ""


def is_notice(line: str) -> bool:
    """Whether a line without a speaker is a program's notice: "Ana added Ben"."""
    return len(line) <= LONGEST and bool(_notice().fullmatch(line.strip()))


def without_mark(text: str) -> str:
    """Remove the "(edited)" mark that a program adds to a text."""
    return text[:-LONGEST] + _edited().sub("", text[-LONGEST:])


@cache
def _placeholder() -> re.Pattern[str]:
    rows = (f"(?P<{kind}>{'|'.join(_table()[kind])})" for kind in (DELETED, MEDIA, REACTIONS))
    return re.compile("|".join(rows), re.IGNORECASE)


@cache
def _notice() -> re.Pattern[str]:
    return re.compile("|".join([*_table()["encrypted"], *_table()[NOTICES]]), re.IGNORECASE)


@cache
def _encrypted() -> re.Pattern[str]:
    return re.compile("|".join(_table()["encrypted"]), re.IGNORECASE)


@cache
def _edited() -> re.Pattern[str]:
    return re.compile(rf"\s*(?:{'|'.join(_table()['edited'])})\s*$", re.IGNORECASE)


@cache
def _table() -> dict[str, list[str]]:
    text = files("assistant.dialogue").joinpath("notices.toml").read_text(encoding="utf-8")
    return {str(kind): [str(row) for row in rows] for kind, rows in tomllib.loads(text).items()}
