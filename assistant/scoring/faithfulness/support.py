"""Which names and numbers of a text its source contains: what a summary may not invent.

A name is a capitalised word, less the common words that merely open a sentence; titles and pronouns are none. A number
is one in digits or in words: "two", "2" and "2nd" are the same, as are "5 pm" and "17:00", "1,000" and "a thousand".
"""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from assistant.scoring.numbers import number_mentions, numbers_said

_TAG = re.compile(r"#Person(\d+)#")
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_POSSESSIVE = re.compile(r"['’](?:s|S)?$")
_CONTRACTED = re.compile(r"['’](?:s|m|d|ll|re|ve|t)$", re.IGNORECASE)
# What may stand between the end of a sentence and its first word.
_OPENS = re.compile(r"(?:^|[.!?:;…\n\"“”])[\s\"'“”‘’()\[\]*•-]*$")
# Capitalised by convention, wherever they stand.
_TITLES = {"mr", "mrs", "ms", "miss", "dr", "prof", "sir", "madam"}
_PRONOUNS = {"i", "he", "she", "it", "we", "you", "they", "his", "her", "their", "this", "that", "these", "those"}
_ARTICLES = {"a", "an", "the", "of", "and", "or", "but", "for", "in", "on", "at", "to"}
_SIGNS = {"ok", "okay", "oh", "am", "pm"}
_NO_NAMES = frozenset(_TITLES | _PRONOUNS | _ARTICLES | _SIGNS)
_CALENDAR = frozenset(name.lower() for name in (*calendar.day_name, *calendar.month_name) if name)
_SHORT = {"christmas": {"xmas"}, "facebook": {"fb"}, "tv": {"television"}, "america": {"us", "usa", "states"}}
# "China" for "Chinese", "Italy" for "Italians".
_DEMONYM = ("ese", "ians", "ian", "ans", "an", "ns", "n", "ish", "s")


@dataclass(frozen=True, slots=True)
class Mention:
    """A name or a number as it stands in a text, `start` to `end`."""

    kind: Literal["name", "number"]
    text: str
    start: int
    end: int
    keys: frozenset[str]
    """What counts as the same: one of these must be in the source."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a source contains, in the forms that mentions are compared by."""

    words: frozenset[str]
    numbers: frozenset[str]

    @classmethod
    def of(cls, source: str) -> "Evidence":
        """Read the source once; many texts can then be held against it."""
        plain = _TAG.sub(" ", source)
        words = {tag.group().lower() for tag in _TAG.finditer(source)}
        for match in _WORD.finditer(plain):
            words |= _forms(match.group())
        return cls(frozenset(words), numbers_said(plain))

    def supports(self, mention: Mention) -> bool:
        """Whether the source contains the name or number."""
        return not mention.keys.isdisjoint(self.words if mention.kind == "name" else self.numbers)


def mentions(text: str) -> tuple[Mention, ...]:
    """Every name and number of the text, in order."""
    plain = _TAG.sub(lambda tag: " " * len(tag.group()), text)
    numbers = [Mention("number", text[n.start : n.end], n.start, n.end, n.keys) for n in number_mentions(plain)]
    tags = [Mention("name", t.group(), t.start(), t.end(), frozenset({t.group().lower()})) for t in _TAG.finditer(text)]
    return tuple(sorted([*numbers, *tags, *_names(plain)], key=lambda mention: mention.start))


def unsupported(text: str, source: str | Evidence) -> tuple[Mention, ...]:
    """The names and numbers of the text that the source does not contain."""
    evidence = Evidence.of(source) if isinstance(source, str) else source
    return tuple(mention for mention in mentions(text) if not evidence.supports(mention))


def _names(text: str) -> Iterator[Mention]:
    for match in _WORD.finditer(text):
        word = _CONTRACTED.sub("", match.group())
        if not word[0].isupper() or word.lower() in _NO_NAMES or numbers_said(word):
            continue
        if _OPENS.search(text[: match.start()]) and _is_common(word):
            continue
        yield Mention("name", word, match.start(), match.start() + len(word), _claims(word))


def _claims(word: str) -> frozenset[str]:
    """The forms that may stand for a name: itself, a part of "T-shirt", the country of "Chinese" or "Italians"."""
    lower = word.lower()
    stems = {lower[: -len(ending)] for ending in _DEMONYM if lower.endswith(ending) and len(lower) - len(ending) > 2}
    parts = {part for part in re.split(r"[-'’]", lower) if len(part) > 3} if re.search(r"[-'’]", lower) else set()
    joined = re.sub(r"[-'’]", "", lower)
    countries = {stem + vowel for stem in stems for vowel in "aey"}
    return frozenset({lower, joined} | parts | stems | countries | _short_forms(lower))


def _short_forms(lower: str) -> set[str]:
    """How people abbreviate it in a chat."""
    return {lower[:3], lower[:4], lower[:5]} if lower in _CALENDAR else _SHORT.get(lower, set())


def _forms(word: str) -> set[str]:
    lower = word.lower()
    return {lower, _POSSESSIVE.sub("", lower), *re.split(r"[-'’]", lower)}


def _is_common(word: str) -> bool:
    lower = word.lower()
    if lower in _common_words():
        return True
    endings = (("ies", "y"), ("ily", "y"), ("es", ""), ("s", ""), ("ing", ""), ("ing", "e"), ("ed", ""), ("ly", ""))
    stems = (lower.removesuffix(ending) + instead for ending, instead in endings if lower.endswith(ending))
    # A stem of three letters proves nothing: James is no "jam".
    return any(part in _common_words() for part in (*(s for s in stems if len(s) > 3), lower.split("-")[0]))


@cache
def _common_words() -> frozenset[str]:
    """Words that public-domain English prose writes in lower case most of the time."""
    return frozenset(
        files("assistant.scoring.faithfulness").joinpath("common_words.txt").read_text(encoding="utf-8").split()
    )
