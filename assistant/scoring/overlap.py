"""Word overlap of texts."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from assistant.scoring.surface import words

_Grams = tuple[Counter[str], Counter[tuple[str, str]]]


def overlap(text: str, other: str) -> float:
    """Return the mean F1 of shared words and shared bigrams, 0 to 1: similar to the mean of ROUGE-1 and ROUGE-2."""
    return _overlap(_grams(text), _grams(other))


def agreement(texts: Sequence[str]) -> list[float]:
    """Return the mean overlap of each text with the others, 0 if there are none. The text with the highest has the
    least expected loss in ROUGE, if the texts are samples of the model's distribution (minimum Bayes risk decoding,
    Kumar and Byrne 2004; Freitag et al. 2022).
    """
    grams = [_grams(text) for text in texts]
    others = max(1, len(texts) - 1)
    return [
        sum(_overlap(mine, theirs) for place, theirs in enumerate(grams) if place != index) / others
        for index, mine in enumerate(grams)
    ]


def _grams(text: str) -> _Grams:
    found = words(text)
    return Counter(found), Counter(pairwise(found))


def _overlap(mine: _Grams, theirs: _Grams) -> float:
    return (_f1(mine[0], theirs[0]) + _f1(mine[1], theirs[1])) / 2


def _f1(mine: "Counter[Any]", theirs: "Counter[Any]") -> float:
    return 2 * (mine & theirs).total() / max(1, mine.total() + theirs.total())
