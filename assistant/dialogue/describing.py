"""Describes a dialogue in one line."""

import re

from assistant.dialogue.stamps import date_in
from assistant.records import Dialogue

_NOUNS = {
    "notices": ("notice", "notices"),
    "media": ("picture or file", "pictures and files"),
    "deleted": ("deleted message", "deleted messages"),
    "headers": ("heading line", "heading lines"),
    "reactions": ("reaction", "reactions"),
    "quoted": ("quoted line", "quoted lines"),
    "signatures": ("signature line", "signature lines"),
    "sounds": ("sound", "sounds"),
}


def describe(dialogue: Dialogue) -> str:
    """Return a line with the source, the number of messages and people, what was left out, and the dates: "WhatsApp ·
    214 messages · 4 people · 12 notices left out · 3/5/24 to 7/6/24".
    """
    what = dialogue.label or dialogue.format
    if dialogue.has_speakers:
        people = _count(len(dialogue.speakers), "person", "people")
        parts = [what, _count(len(dialogue.turns), "message", "messages"), people]
    else:
        parts = [what, _count(len(dialogue.turns), "paragraph", "paragraphs"), "read as one narrator's"]
    parts += [*_left_out(dialogue), _span(dialogue)]
    return " · ".join(part for part in parts if part)


def _left_out(dialogue: Dialogue) -> list[str]:
    if not dialogue.left_out:
        return []
    known = [_count(count, *_NOUNS[kind]) for kind, count in dialogue.kinds.items() if kind in _NOUNS]
    return [f"{', '.join(known) or _count(dialogue.left_out, 'line', 'lines')} left out"]


def _span(dialogue: Dialogue) -> str:
    dates = [date for turn in dialogue.turns if (date := date_in(turn.time))]
    if not dates:
        return ""
    first, last = (re.sub(r"\s+", " ", date).strip(" ,") for date in (dates[0], dates[-1]))
    return first if first == last else f"{first} to {last}"


def _count(number: int, noun: str, nouns: str) -> str:
    return f"{number:,} {noun if number == 1 else nouns}"
