"""What can be told of a text without reading it: length, repetition, copying, phrases."""

import re

_WORD = re.compile(r"\w+(?:['’]\w+)*")


def words(text: str) -> list[str]:
    """The words in lower case, in order; an apostrophe inside a word belongs to it."""
    return [word.lower() for word in _WORD.findall(text)]


def length_fit(text: str, target: int) -> float:
    """1 at `target` words, falling to 0 at none and at twice as many, in a straight line."""
    return max(0.0, 1.0 - abs(len(words(text)) - target) / target)


def repetition(text: str, size: int = 3) -> float:
    """The share of the runs of `size` words that stood before in the text: 0 for none, near 1 for a loop."""
    found = runs(words(text), size)
    return 1.0 - len(set(found)) / len(found) if found else 0.0


def copying(text: str, source: str, size: int = 4) -> float:
    """The share of the runs of `size` words that stand in the source."""
    found = runs(words(text), size)
    known = set(runs(words(source), size))
    return sum(run in known for run in found) / len(found) if found else 0.0


def mentions(text: str, phrase: str) -> bool:
    """Whether the words of the phrase stand in the text in a row, whatever their case."""
    wanted = words(phrase)
    return tuple(wanted) in set(runs(words(text), len(wanted))) if wanted else False


def runs(items: list[str], size: int) -> list[tuple[str, ...]]:
    """Every `size` items in a row."""
    return [tuple(items[start : start + size]) for start in range(len(items) - size + 1)]
