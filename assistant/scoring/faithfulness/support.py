"""Checks which names and numbers of a text are in its source, because a summary may not invent any.

A name is a capitalized word, except common words that open a sentence, titles and pronouns. A number is in digits or
words: "two", "2" and "2nd" are equal, as are "5 pm" and "17:00", "1,000" and "a thousand".
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
# What may come between the end of a sentence and the next word.
_OPENS = re.compile(r"(?:^|[.!?:;…\n\"“”])[\s\"'“”‘’()\[\]*•-]*$")
# Capitalized by convention in any position.
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
    """A name or a number in a text, from `start` to `end`."""

    kind: Literal["name", "number"]
    text: str
    start: int
    end: int
    keys: frozenset[str]
    """Equivalent forms, one of which must be in the source."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words and numbers of a source, in the forms used for comparison."""

    words: frozenset[str]
    numbers: frozenset[str]

    @classmethod
    def of(cls, source: str) -> "Evidence":
        """Read a source for use with many texts."""
        plain = _TAG.sub(" ", source)
        words = {tag.group().lower() for tag in _TAG.finditer(source)}
        for match in _WORD.finditer(plain):
            words |= _forms(match.group())
        return cls(frozenset(words), numbers_said(plain))

    def supports(self, mention: Mention) -> bool:
        """Whether the source contains the name or number."""
        return not mention.keys.isdisjoint(self.words if mention.kind == "name" else self.numbers)


def mentions(text: str) -> tuple[Mention, ...]:
    """Return every name and number of the text, in order."""
    plain = _TAG.sub(lambda tag: " " * len(tag.group()), text)
    numbers = [Mention("number", text[n.start : n.end], n.start, n.end, n.keys) for n in number_mentions(plain)]
    tags = [Mention("name", t.group(), t.start(), t.end(), frozenset({t.group().lower()})) for t in _TAG.finditer(text)]
    return tuple(sorted([*numbers, *tags, *_names(plain)], key=lambda mention: mention.start))


def unsupported(text: str, source: str | Evidence) -> tuple[Mention, ...]:
    """Return the names and numbers of the text that are not in the source."""
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
    """Return equivalent forms of a name: itself, a part of "T-shirt", the country of "Chinese" or "Italians"."""
    lower = word.lower()
    stems = {lower[: -len(ending)] for ending in _DEMONYM if lower.endswith(ending) and len(lower) - len(ending) > 2}
    parts = {part for part in re.split(r"[-'’]", lower) if len(part) > 3} if re.search(r"[-'’]", lower) else set()
    joined = re.sub(r"[-'’]", "", lower)
    countries = {stem + vowel for stem in stems for vowel in "aey"}
    return frozenset({lower, joined} | parts | stems | countries | _short_forms(lower))


def _short_forms(lower: str) -> set[str]:
    """Return common abbreviations in chats."""
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
    # A stem of three letters is too short: James is not "jam".
    return any(part in _common_words() for part in (*(s for s in stems if len(s) > 3), lower.split("-")[0]))


@cache
def _common_words() -> frozenset[str]:
    """Return words that are mostly in lower case in public-domain English prose."""
    return frozenset(
        files("assistant.scoring.faithfulness").joinpath("common_words.txt").read_text(encoding="utf-8").split()
    )
