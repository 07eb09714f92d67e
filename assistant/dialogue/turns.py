"""Makes clean turns, and finds the speaker at the start of a line.

The speaker and the text of a turn are one line each, so that a dialogue written as lines of `Speaker: text` reads back
as the same turns. For the same reason a name never contains a colon or looks like a label.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from assistant.records import Record, Turn
from assistant.terminal import printable

NARRATOR = "Narrator"
MAX_NAME_CHARACTERS = 80
MAX_NAME_WORDS = 8
_PLAIN_NAME_CHARACTERS = 40
_PLAIN_NAME_WORDS = 5
"""In longer names every word must look like part of a name."""
_FARTHEST_COLON = 160

# Zero-width marks that exports put around names and dates: byte order mark, direction marks, zero-width space.
_MARKS = re.compile("[\ufeff\u061c\u200b\u200e\u200f\u2060]")
_DATED = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{0,4}\D|\d{1,2}[:.]\d\d\D")
_PASSED = re.compile(r"\(\s?(?:\d+m\s)?\d+s\s?\)")
_EMPTY_LINES = re.compile(r"\n{3,}")
_COLONS = re.compile("[:：]")
# No name starts with the opening of a list item, a quotation, a tag, a rule or JSON.
_NO_NAME_START = " {}[]<>\"'“”‘’`-–—*•·|=~_/\\.,;!?"
_TIMES_BEHIND = re.compile(r"\s[\[(]\d[\d.:s,]{0,12}(?:\s?(?:-|–|-->)\s?\d[\d.:s,]{0,12})?[\])]$")
# fmt: off
_LABELS = frozenset({
    "note", "notes", "ps", "p.s", "p.s.", "nb", "n.b.", "todo", "edit", "update", "warning", "important", "attention",
    "caution", "tip", "hint", "example", "examples", "e.g.", "i.e.", "subject", "re", "fwd", "link", "links", "url",
    "http", "https", "ftp", "mailto", "tel", "phone", "fax", "email", "e-mail", "address", "date", "time", "place",
    "location", "when", "where", "agenda", "total", "price", "source", "sources",
})
_PARTICLES = frozenset({
    "von", "van", "der", "den", "de", "del", "della", "da", "di", "du", "la", "le", "el", "al", "bin", "ibn", "of",
    "the", "and", "und", "y", "e", "to", "dos", "das",
})
# fmt: on


class Reading(Record, frozen=True):
    """What a format read from a text: the turns, the number of lines left out because they are no speech, their number
    by kind, and the program that wrote it ("WhatsApp") if known.
    """

    turns: tuple[Turn, ...]
    left_out: int = 0
    kinds: dict[str, int] = {}
    label: str = ""


class Head(NamedTuple):
    """The start of a line that names its speaker."""

    name: str
    text: str


def clean_text(text: str) -> str:
    """Remove control sequences and invisible marks. Line breaks stay, but runs of empty lines become one."""
    return _EMPTY_LINES.sub("\n\n", _MARKS.sub("", printable(text)))


def fold(text: str) -> str:
    """Return the text on one line, with every run of white space replaced by a space."""
    return " ".join(text.split())


@lru_cache(maxsize=4096)
def clean_name(raw: str) -> str:
    """Return the name in a form that `split_head` finds again: no colon, at most eight words and eighty characters."""
    words: list[str] = []
    raw = clean_text(raw)
    for word in _COLONS.sub(" ", raw if _is_balanced(raw) else re.sub("[()]", " ", raw)).split():
        if sum(_counts(known) for known in words) == MAX_NAME_WORDS and _counts(word):
            break
        words.append(word)
    name = " ".join(words).lstrip(_NO_NAME_START)[:MAX_NAME_CHARACTERS].rstrip(" *")
    if not name:
        return "Unknown"
    if is_label(name):
        return f"{name} (speaker)"
    if _looks_dated(name):
        return clean_name(f"Speaker {name}")
    return name if is_name(name) else " ".join(name.split()[:_PLAIN_NAME_WORDS])[:_PLAIN_NAME_CHARACTERS].rstrip(" *")


def make_turn(speaker: str, text: str, time: str = "") -> Turn | None:
    """Return a clean turn, or None if the text is empty."""
    said = fold(_MARKS.sub("", printable(text)))
    return Turn(speaker=clean_name(speaker), text=said, time=fold(_MARKS.sub("", time))) if said else None


def is_label(name: str) -> bool:
    """Whether the word before a colon announces a thing ("Note", "Subject"), not a person."""
    return name.casefold() in _LABELS


@lru_cache(maxsize=4096)
def is_name(name: str) -> bool:
    """Whether the words before a colon are short enough for a name and do not open a list, a tag or JSON."""
    if (
        not name.strip()
        or len(name) > MAX_NAME_CHARACTERS
        or name[0] in _NO_NAME_START
        or is_label(name)
        or _looks_dated(name)
    ):
        return False
    if not _is_balanced(name):  # "The Berlin Wall (German: Berliner Mauer)"
        return False
    words = sum(map(_counts, name.split()))
    if words <= _PLAIN_NAME_WORDS and len(name) <= _PLAIN_NAME_CHARACTERS:
        return True
    return words <= MAX_NAME_WORDS and looks_like_name(name) and name[-1] not in ".,;!?"


def looks_like_name(name: str) -> bool:
    """A stricter test for use near prose: one word, or words that all start as those of names do ("Ana de Souza")."""
    words = name.split()
    if len(words) < 2:
        return bool(words)
    return all(not word[0].islower() or word in _PARTICLES for word in words) and not words[0].islower()


def split_head(line: str) -> Head | None:
    """Return the speaker and the text of a line `Name: text`, or None if it does not start with a name.

    The text may be empty. 12:30 and http://… are no heads, and a long parenthesis after a name is dropped.
    """
    found = _COLONS.search(line, 0, _FARTHEST_COLON)
    if not found:
        return None
    name, text = fold(line[: found.start()]), line[found.end() :]
    if name.startswith("**"):  # Markdown: "**Name:** text" and "**Name**: text".
        name, text = name.strip("* "), text.removeprefix("**")
    name = _TIMES_BEHIND.sub("", name)  # "SPEAKER_00 [0.5s - 3.2s]: …"
    if not is_name(name):
        # "Mr. Rossi (Minister of Small Business and Trade): …"
        name = name.partition(" (")[0] if name.endswith(")") else ""
    return Head(name, text.strip()) if is_name(name) and _may_follow(name, text) else None


def _is_balanced(name: str) -> bool:
    return name.count("(") == name.count(")")


def _looks_dated(name: str) -> bool:
    """Whether the possible name starts like a date or a time."""
    return (name[0].isdigit() and _DATED.match(f"{name} ") is not None) or _PASSED.match(name) is not None


def _may_follow(name: str, text: str) -> bool:
    """Whether speech can follow the colon: anything after a space, else a letter, or a digit after a word."""
    if not text or text[0].isspace():
        return True
    return (text[0].isalpha() and any(map(str.isalpha, name))) or (text[0].isdigit() and name.isalpha())


def _counts(word: str) -> bool:
    """Whether a word counts against the limit; the groups of a telephone number do not."""
    return any(map(str.isalpha, word))
