"""Chooses what is quoted: the best clauses for the words there are, and no clause twice."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assistant.digest.features import Unit

_COST_POWER = 0.5
_SHARPNESS = 1.3


@dataclass
class Budget:
    """Words that may still be spent, and points."""

    words: int
    points: int | None = None
    turns: set[int] = field(default_factory=set)

    def cost(self, unit: Unit) -> int:
        """What quoting the clause takes: its words, and the speaker's name where the message is new."""
        name = 1 if unit.sentence.turn in self.turns else len(unit.sentence.speaker.split())
        return unit.clause.words + name

    def takes(self, group: Sequence[Unit]) -> bool:
        """Whether the clauses fit together."""
        turns = self.turns | {unit.sentence.turn for unit in group}
        full = self.points is not None and len(turns) > self.points
        return not full and sum(map(self.cost, group)) <= self.words

    def spend(self, unit: Unit) -> None:
        """Take the clause."""
        self.words -= self.cost(unit)
        self.turns.add(unit.sentence.turn)


def choose(
    units: Sequence[Unit],
    scores: Sequence[float],
    weights: dict[str, float],
    budget: Budget,
    covered: dict[str, float],
    context: dict[int, int],
) -> list[int]:
    """The units chosen, in the order of the conversation.

    `covered` tells how far words were said already, 0 to 1, by to-dos for example; `context` names for a unit that
    is too short to stand alone the one that it answers, which is then quoted as well.
    """
    chosen: list[int] = []
    left = set(range(len(units)))
    said = dict(covered)

    def group(at: int) -> list[int]:
        return [one for one in (context.get(at), at) if one is not None and one not in chosen]

    def gain(at: int) -> float:
        cost = sum(budget.cost(units[one]) for one in group(at))
        return float(scores[at] ** _SHARPNESS * _novelty(units[at], weights, said) / cost**_COST_POWER)

    while fitting := [at for at in left if budget.takes([units[one] for one in group(at)])]:
        best = max(fitting, key=lambda at: (gain(at), -at))
        if gain(best) <= 0.0:
            break
        for at in group(best):
            budget.spend(units[at])
            chosen.append(at)
            left.discard(at)
            said |= dict.fromkeys(units[at].clause.stems, 1.0)
    return sorted(chosen)


def _novelty(unit: Unit, weights: dict[str, float], said: dict[str, float]) -> float:
    total = sum(weights.get(word, 1.0) for word in unit.clause.stems)
    new = sum(weights.get(word, 1.0) * (1.0 - said.get(word, 0.0)) for word in unit.clause.stems)
    return new / total if total else 0.0


def probability(row: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The logistic score of a clause from its numbers by name."""
    total = weights.get("bias", 0.0) + sum(value * weights.get(name, 0.0) for name, value in row.items())
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))
