"""Turns the words of a question into terms of the full-text index. A word in no passage is searched as a part of longer
ones, and by its own parts: "Frist" in "Kündigungsfrist", and vice versa.
"""

from collections.abc import Callable

import msgspec

from knowledge.search.words import is_unspaced, pairs_of, runs_of, words_of

Count = Callable[[str], int]

_LONG = 9
_PART = 4
_LINKS = ("", "s", "es", "n", "en")
"""Linking elements between the parts of a German compound."""


_COMPOUNDING = frozenset(
    "der die das und ist nicht mit für von ein eine het een van niet och det att är og ikke på ja ei".split()  # noqa: SIM905
)
"""Words that identify German, Dutch, Swedish, Danish, Norwegian and Finnish."""


class Term(msgspec.Struct, frozen=True):
    """A word of the question, the expression that finds it, and the number of passages that match."""

    word: str
    expression: str
    count: int


def parts_of(text: str) -> str:
    """Return what the index stores next to a text's words: character pairs of runs without spaces, and for languages
    with compounds the long words reversed.
    """
    pairs = [pair for run in runs_of(text) for pair in pairs_of(run)]
    words = words_of(text)
    compounds = sum(word in _COMPOUNDING for word in words) >= 0.03 * len(words) and words
    long = {word[::-1] for word in words if len(word) >= _LONG and word.isalpha()} if compounds else set()
    return " ".join([*pairs, *sorted(long)])


def terms_of(word: str, count: Count) -> list[Term]:
    """Return the terms for a word, several if only its parts are found."""
    exact = f'parts : "{word}"' if is_unspaced(word) else f'"{word}"'
    found = count(exact)
    if found or len(word) < _PART or not word.isalpha():
        return [Term(word, exact, found)]
    inside = f'("{word}" * OR parts : "{word[::-1]}" *)'
    if found := count(inside):
        return [Term(word, inside, found)]
    return _split(word, count) or [Term(word, exact, 0)]


def _split(word: str, count: Count) -> list[Term]:
    if len(word) < _LONG:
        return []
    for place in range(len(word) - _PART, _PART - 1, -1):
        for link in _LINKS:
            first, last = word[:place], word[place:]
            if link and not first.endswith(link):
                continue
            first = first.removesuffix(link)
            if len(first) < _PART:
                continue
            counts = count(f'"{first}"'), count(f'"{last}"')
            if all(counts):
                return [Term(part, f'"{part}"', n) for part, n in zip((first, last), counts, strict=True)]
    return []
