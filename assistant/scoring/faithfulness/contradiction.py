"""Counts contradictions between a text and its conversation: negations, and numbers in the wrong place.

Each sentence is compared with the clauses of the conversation that share its words. It is a contradiction if the best
matching clauses deny what it affirms, or affirm what it denies, and for every number from the conversation whose
sentence matches another number's message clearly better. `roles` checks who did what, and `support` what nobody said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

from assistant.dialogue import parse
from assistant.digest.cues import Cues
from assistant.digest.hearing import hear
from assistant.digest.spans import stems
from assistant.errors import InputUnreadable
from assistant.scoring.faithfulness.roles import sentences
from assistant.scoring.faithfulness.support import Mention, mentions

_SHARED = 2
"""The least number of words that a clause and a sentence about it share."""
_NEAR = 0.3
"""The weight of a word in the sentence before or after the number's."""
_CLEARLY = 1.0
"""How much better another number must match, in word weights: a word in half of the messages weighs 1.1."""
MOST = 5
"""The maximum count."""


@dataclass(frozen=True, slots=True)
class _Clause:
    """The stems of a clause, and whether it is negated."""

    stems: frozenset[str]
    denies: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """A sentence of the conversation with numbers, its stems, and those of its neighbours."""

    figures: tuple[Mention, ...]
    own: frozenset[str]
    near: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Talk:
    """A conversation, prepared for many texts."""

    clauses: tuple[_Clause, ...]
    places: tuple[_Place, ...]
    weights: Mapping[str, float]
    cues: Cues


def contradictions(conversation: str, text: str) -> float:
    """Return the number of contradictions in the text, at most MOST."""
    talk = _read(conversation)
    if talk is None:
        return 0.0
    found = sum(_is_denied(sentence, talk) + _misplaced(sentence, talk) for sentence in sentences(text))
    return float(min(MOST, found))


@lru_cache(maxsize=256)
def _read(conversation: str) -> _Talk | None:
    try:
        heard = hear(parse(conversation))
    except InputUnreadable:
        return None
    clauses, places = [], []
    for at, sentence in enumerate(heard.sentences):
        said = heard.turns[sentence.turn].text
        clauses += [
            _Clause(clause.stems, heard.cues.found("negation", said[clause.start : clause.end]))
            for clause in sentence.clauses
        ]
        if figures := _figures(sentence.text):
            around = heard.sentences[max(0, at - 1) : at + 2]
            near = frozenset().union(*(one.stems for one in around)) - sentence.stems
            places.append(_Place(figures, sentence.stems, near))
    return _Talk(tuple(clauses), tuple(places), heard.weights, heard.cues)


def _is_denied(sentence: str, talk: _Talk) -> bool:
    """Whether the best matching clauses say the opposite."""
    own, denies = frozenset(stems(sentence, talk.cues)), talk.cues.found("negation", sentence)
    best = {True: 0.0, False: 0.0}
    for clause in talk.clauses:
        shared = len(own & clause.stems)
        if shared >= _SHARED:
            best[clause.denies] = max(best[clause.denies], shared / sqrt(len(clause.stems)))
    return best[not denies] > best[denies]


def _misplaced(sentence: str, talk: _Talk) -> int:
    """Return how many of the sentence's numbers are where another one belongs."""
    words = frozenset(stems(sentence, talk.cues))
    return sum(
        _is_misplaced(figure, words - frozenset(stems(figure.text, talk.cues)), talk) for figure in _figures(sentence)
    )


def _is_misplaced(figure: Mention, around: frozenset[str], talk: _Talk) -> bool:
    own, other = -1.0, 0.0
    for place in talk.places:
        fit = _weight(around & place.own, talk) + _NEAR * _weight(around & place.near, talk)
        if any(not figure.keys.isdisjoint(one.keys) for one in place.figures):
            own = max(own, fit)
        else:
            other = max(other, fit)
    return own >= 0.0 and other > own + _CLEARLY


def _weight(words: frozenset[str], talk: _Talk) -> float:
    return sum(talk.weights.get(word, 1.0) for word in words)


def _figures(text: str) -> tuple[Mention, ...]:
    return tuple(mention for mention in mentions(text) if mention.kind == "number")
