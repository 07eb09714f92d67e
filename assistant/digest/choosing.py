"""Chooses which clauses to quote: the set whose words are worth most within the budget."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from assistant.digest.features import Unit

_LENGTH_POWER = 0.25
"""The exponent of a clause's length in its worth."""
_MOST = 100
"""The number of clauses searched: those worth most alone."""
_ROUNDS = 20
"""The maximum number of exchanges."""


@dataclass(frozen=True)
class Budget:
    """The words to spend, speakers' names included, and the maximum number of messages to quote."""

    words: int
    points: int | None = None


def choose(
    units: Sequence[Unit],
    scores: Sequence[float],
    weights: dict[str, float],
    budget: Budget,
    covered: dict[str, float],
    context: dict[int, int],
) -> list[int]:
    """Return the indices of the chosen units, in the order of the conversation.

    A word in several clauses counts once, by its lowest worth in them, so that "21 is good" adds nothing to "21 May, 7
    pm". Clauses are added greedily by gain per word, then exchanged one by one while that improves the total.

    `covered` says how far words were said elsewhere, in to-dos for example, from 0 to 1. `context` maps a unit too
    short to stand alone to the one it answers, which is then quoted too.
    """
    worth = [_worth(unit, score, weights, covered) for unit, score in zip(units, scores, strict=True)]
    return sorted(_Search(units, worth, budget, context).best())


def _worth(unit: Unit, score: float, weights: Mapping[str, float], covered: Mapping[str, float]) -> dict[str, float]:
    """Return what each word of a clause is worth if the clause is quoted."""
    share = {word: weights.get(word, 1.0) for word in unit.clause.stems}
    scale = score * unit.clause.words**_LENGTH_POWER / (sum(share.values()) or 1.0)
    return {word: scale * part * (1.0 - covered.get(word, 0.0)) for word, part in share.items()}


def _gain(worth: Mapping[str, float], told: Mapping[str, float]) -> float:
    """Return what a clause adds to the worth of the words already told."""
    return sum(min(0.0, value - told[word]) if word in told else value for word, value in worth.items())


class _Search:
    """A greedy search with exchanges for the set of clauses worth most."""

    def __init__(
        self, units: Sequence[Unit], worth: Sequence[Mapping[str, float]], budget: Budget, context: Mapping[int, int]
    ) -> None:
        self.worth, self.budget, self.context = worth, budget, context
        self.words = [unit.clause.words for unit in units]
        self.turns = [unit.sentence.turn for unit in units]
        self.names = [len(unit.sentence.speaker.split()) for unit in units]
        alone = {at: sum(words.values()) for at, words in enumerate(worth)}
        best = sorted(alone, key=lambda at: (-alone[at], at))[:_MOST]
        self.candidates = sorted(at for at in best if alone[at] > 0.0)

    def best(self) -> frozenset[int]:
        chosen = self._grown(frozenset())
        for _ in range(_ROUNDS):
            if (better := self._exchanged(chosen)) is None:
                break
            chosen = self._grown(better)
        return chosen

    def _told(self, chosen: Collection[int]) -> dict[str, float]:
        """Return what each word is worth in a set of clauses."""
        told: dict[str, float] = {}
        for at in chosen:
            for word, value in self.worth[at].items():
                told[word] = min(value, told.get(word, value))
        return told

    def _cost(self, added: Collection[int], turns: Collection[int]) -> int:
        """Return the words that clauses cost next to quoted messages: theirs, and the speaker's name for each new
        message.
        """
        names = {self.turns[at]: self.names[at] for at in added if self.turns[at] not in turns}
        return sum(self.words[at] for at in added) + sum(names.values())

    def _additions(self, chosen: frozenset[int]) -> Iterator[tuple[frozenset[int], float, int]]:
        """Yield the clauses that fit next to a set, with their contexts, their gain, and their cost in words."""
        told, turns = self._told(chosen), {self.turns[at] for at in chosen}
        left = self.budget.words - self._cost(chosen, ())
        for at in self.candidates:
            if at in chosen or self.words[at] > left:
                continue
            added = frozenset((at, self.context.get(at, at))) - chosen
            words = self._cost(added, turns)
            points = len(turns | {self.turns[one] for one in added})
            if words > left or (self.budget.points is not None and points > self.budget.points):
                continue
            if (gain := sum(_gain(self.worth[one], told) for one in added)) > 0.0:
                yield added, gain, words

    def _grown(self, chosen: frozenset[int]) -> frozenset[int]:
        """Return the set with clauses added while any fits, by the highest gain per word."""
        while found := list(self._additions(chosen)):
            chosen |= max(found, key=lambda one: one[1] / one[2])[0]
        return chosen

    def _exchanged(self, chosen: frozenset[int]) -> frozenset[int] | None:
        """Return the best set after one exchange: a clause, and those that need it as context, is replaced by another,
        or dropped if it adds nothing. None if no exchange improves the set.
        """
        worth = sum(self._told(chosen).values())
        best, most = None, worth * (1.0 + 1e-9)
        for at in sorted(chosen):
            rest = frozenset(one for one in chosen if at not in (one, self.context.get(one)))
            kept = sum(self._told(rest).values())
            if kept * (1.0 + 1e-9) >= worth:
                return rest
            for added, gain, _ in self._additions(rest):
                if kept + gain > most:
                    best, most = rest | added, kept + gain
        return best


def probability(row: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the logistic score of a clause from its features by name."""
    total = weights.get("bias", 0.0) + sum(value * weights.get(name, 0.0) for name, value in row.items())
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))
