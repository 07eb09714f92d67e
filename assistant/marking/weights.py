"""Weights of one's own: logistic regression on what was kept and dropped, pulled towards the bundled weights."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from assistant.digest.making import bundled_weights
from assistant.feedback.judgements import local_rater
from assistant.feedback.marks import Mark
from assistant.feedback.store import Store

PULL = 0.5
"""How hard each weight is held to the bundled one: 30 marks can move a few weights by one or two, and none of the fifty
far by chance. Anything from 0.1 to 1 does about the same (docs/benchmarks.md).
"""
_BIAS_PULL = 0.01
"""The bias is all but free: somebody who keeps most of what is shown likes digests, not every number in them."""
_STEPS = 50
_SHOWN = 4


class Taste(NamedTuple):
    """What a rater's marks come to: how many of each kind, and by how much the weights that moved most did."""

    kept: int
    dropped: int
    put_right: int
    moved: dict[str, float]


def own_weights(store: Store, rater: str | None = None) -> dict[str, float] | None:
    """The weights that a rater's marks teach (the local one's by default); None before there are any."""
    return taught(_of(store, rater))


def taste_of(store: Store, rater: str | None = None) -> Taste:
    """The same, to be told."""
    marks = _of(store, rater)
    weights, start = taught(marks) or {}, bundled_weights()
    moves = {name: value - start.get(name, 0.0) for name, value in weights.items() if name != "bias"}
    largest = sorted(moves, key=lambda name: (-abs(moves[name]), name))[:_SHOWN]
    return Taste(
        kept=sum(mark.says == "keep" for mark in marks),
        dropped=sum(mark.says == "drop" for mark in marks),
        put_right=sum(mark.says == "fix" for mark in marks),
        moved={name: round(moves[name], 3) for name in largest},
    )


def taught(marks: Sequence[Mark]) -> dict[str, float] | None:
    """The weights after these marks. What was put right, and to-dos, teach nothing: a to-do is found, not weighed."""
    lessons = [(mark.numbers, mark.says == "keep") for mark in marks if mark.says != "fix" and mark.numbers]
    return _fit(lessons, bundled_weights()) if lessons else None


def _of(store: Store, rater: str | None) -> list[Mark]:
    name = rater or local_rater()
    return [mark for mark in store.marks() if mark.rater == name]


def _fit(lessons: Sequence[tuple[Mapping[str, float], bool]], start: Mapping[str, float]) -> dict[str, float]:
    """Newton's method."""
    import numpy as np  # 0.1 s, which who never marks does not wait for

    names = [*sorted({*start, *(name for row, _ in lessons for name in row)} - {"bias"}), "bias"]
    rows = np.array([[row.get(name, 0.0) for name in names[:-1]] + [1.0] for row, _ in lessons])
    wanted = np.array([float(is_kept) for _, is_kept in lessons])
    held = np.array([start.get(name, 0.0) for name in names])
    pull = np.array([PULL] * (len(names) - 1) + [_BIAS_PULL])
    weights = held.copy()
    for _ in range(_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(rows @ weights, -30.0, 30.0)))
        slope = rows.T @ (chance - wanted) + pull * (weights - held)
        curve = (rows.T * (chance * (1.0 - chance))) @ rows + np.diag(pull)
        step = np.linalg.solve(curve, slope)
        weights = weights - np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-8:
            break
    return {name: float(value) for name, value in zip(names, weights, strict=True)}
