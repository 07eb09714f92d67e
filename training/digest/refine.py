"""Refines trained weights with evolution strategies (Salimans et al. 2017) to get more facts into whole digests, with a
penalty on the distance from the initial weights. Reads no files.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.digest import todo_line
from assistant.digest.choosing import Budget, choose
from assistant.digest.features import Unit, rows, units
from assistant.digest.hearing import Heard, hear
from assistant.digest.making import fit_todos, todo_room, todo_words
from assistant.digest.todos.todos import Settled, find_todos
from assistant.digest.weighing import contexts, covered_by, worth
from training.digest.talks import Needed, Talk

Floats = NDArray[np.float64]

LENGTHS = (50, 65, 80, 110)
_WHOLE = 0.8
"""Share of a fact's score for having all of it. The rest is given in proportion to its parts."""
_PULL = 0.3
_SPREAD = 0.15
_STEP = 0.03
_PAIRS = 6
_LEAST_SCALE = 0.3


@dataclass(frozen=True)
class Trial:
    """A conversation at one length, with everything precomputed that does not depend on the weights."""

    heard: Heard
    units: list[Unit]
    numbers: Floats
    worth: Floats
    words: int
    covered: dict[str, float]
    contexts: dict[int, int]
    facts: tuple[Needed, ...]
    told: list[frozenset[int]]
    holds: list[list[frozenset[int]]]


def trials(talk: Talk, names: Sequence[str]) -> list[Trial]:
    """Prepare the conversation at every length of LENGTHS."""
    heard = hear(talk.dialogue)
    settled, found = find_todos(heard), units(heard)
    return [
        _trial(talk, heard, found, fit_todos(settled, todo_room(words, asked=True)), names, words) for words in LENGTHS
    ]


def _trial(talk: Talk, heard: Heard, found: list[Unit], kept: list[Settled], names: Sequence[str], words: int) -> Trial:
    tasks = frozenset(place for one in kept for place in one.places)
    near = contexts(heard, found)
    said = "\n".join(todo_line(one.todo) for one in kept)
    numbers = [[row.get(name, 0.0) for name in names] + [1.0] for row in rows(heard, found, tasks)]
    return Trial(
        heard=heard,
        units=found,
        numbers=np.array(numbers),
        worth=np.array([worth(unit, at in near, tasks) for at, unit in enumerate(found)]),
        words=words - sum(map(todo_words, kept)),
        covered=covered_by(heard, kept, ()),
        contexts=near,
        facts=talk.facts,
        told=[fact.groups_in(said) for fact in talk.facts],
        holds=[[fact.groups_in(f"{unit.sentence.speaker}: {unit.text}") for fact in talk.facts] for unit in found],
    )


def carried(trial: Trial, weights: Floats) -> float:
    """Return the share of facts in the digest made with these weights. Partly present facts count a little."""
    chances = trial.worth / (1.0 + np.exp(-np.clip(trial.numbers @ weights, -30.0, 30.0)))
    budget = Budget(trial.words)
    chosen = choose(trial.units, chances.tolist(), trial.heard.weights, budget, trial.covered, trial.contexts)
    total = 0.0
    for at, fact in enumerate(trial.facts):
        groups = trial.told[at].union(*(trial.holds[one][at] for one in chosen))
        total += _WHOLE * (len(groups) == len(fact.words)) + (1.0 - _WHOLE) * len(groups) / len(fact.words)
    return total / len(trial.facts)


def refine(known: Sequence[Trial], start: Floats, rounds: int, seed: int) -> Floats:
    """Return the best weights found: most facts, minus a penalty for the distance from `start`."""
    draw = np.random.default_rng(seed)
    scale = np.maximum(_LEAST_SCALE, np.abs(start))

    def value(weights: Floats) -> float:
        moved = float(np.sum(((weights - start) / scale) ** 2))
        return 100.0 * float(np.mean([carried(trial, weights) for trial in known])) - _PULL * moved

    best, best_value, middle = start, value(start), start.copy()
    for _ in range(rounds):
        slope = np.zeros_like(middle)
        for _ in range(_PAIRS):
            noise = draw.normal(size=len(middle))
            shift = _SPREAD * scale * noise
            slope += (value(middle + shift) - value(middle - shift)) * noise
        middle = middle + _STEP * scale * slope / np.sqrt(1e-9 + np.mean(slope**2))
        if (found := value(middle)) > best_value:
            best, best_value = middle.copy(), found
    return best
