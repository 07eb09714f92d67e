"""Surface measures of a text: length, repetition, copying, phrases."""

import re

_WORD = re.compile(r"\w+(?:['’]\w+)*")


def words(text: str) -> list[str]:
    """Return the words in lower case, in order; an apostrophe inside a word is part of it."""
    return [word.lower() for word in _WORD.findall(text)]


def length_fit(text: str, target: int) -> float:
    """Return 1 at `target` words, falling linearly to 0 at none and at twice as many."""
    return max(0.0, 1.0 - abs(len(words(text)) - target) / target)


def repetition(text: str, size: int = 3) -> float:
    """Return the share of repeated n-grams of `size` words: 0 for none, near 1 for a loop."""
    found = runs(words(text), size)
    return 1.0 - len(set(found)) / len(found) if found else 0.0


def copying(text: str, source: str, size: int = 4) -> float:
    """Return the share of n-grams of `size` words that are in the source."""
    found = runs(words(text), size)
    known = set(runs(words(source), size))
    return sum(run in known for run in found) / len(found) if found else 0.0


def mentions(text: str, phrase: str) -> bool:
    """Whether the text contains the words of the phrase in sequence, ignoring case."""
    wanted = words(phrase)
    return tuple(wanted) in set(runs(words(text), len(wanted))) if wanted else False


def runs(items: list[str], size: int) -> list[tuple[str, ...]]:
    """Return every n-gram of `size` items."""
    return [tuple(items[start : start + size]) for start in range(len(items) - size + 1)]
