"""The user's own weights: logistic regression on kept and dropped parts, regularized towards the bundled weights.

Points and to-dos have separate features and weights. Open questions are found without weights.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from assistant.digest.making import bundled_weights
from assistant.digest.todos.worth import TODO_WEIGHTS
from assistant.feedback.judgements import local_rater
from assistant.feedback.marks import Mark
from assistant.feedback.store import Store

PULL = 0.5
"""The strength of the regularization: 30 marks can move a few weights by one or two, and none of the fifty far by
chance. Anything from 0.1 to 1 performs about the same (docs/benchmarks.md).
"""
_BIAS_PULL = 0.01
"""The bias is nearly free: a user who keeps most parts likes digests, not every feature in them. The bias of to-dos is
regularized like other weights, so that dropping one does not drop them all.
"""
_STEPS = 50
_SHOWN = 4


class Taste(NamedTuple):
    """The effect of a rater's marks: their number by kind, and the weights that moved most."""

    kept: int
    dropped: int
    put_right: int
    moved: dict[str, float]


def own_weights(store: Store, rater: str | None = None) -> dict[str, float] | None:
    """Return the weights learned from a rater's marks (by default the local rater's); None before there are any."""
    return taught(_of(store, rater))


def taste_of(store: Store, rater: str | None = None) -> Taste:
    """Return the effect of the rater's marks, for display."""
    marks = _of(store, rater)
    weights, start = taught(marks) or {}, {**bundled_weights(), **TODO_WEIGHTS}
    moves = {name: value - start.get(name, 0.0) for name, value in weights.items() if not name.endswith("bias")}
    largest = sorted(moves, key=lambda name: (-abs(moves[name]), name))[:_SHOWN]
    return Taste(
        kept=sum(mark.says == "keep" for mark in marks),
        dropped=sum(mark.says == "drop" for mark in marks),
        put_right=sum(mark.says == "fix" for mark in marks),
        moved={name: round(moves[name], 3) for name in largest},
    )


def taught(marks: Sequence[Mark]) -> dict[str, float] | None:
    """Return the weights after these marks: those of clauses, and those of to-dos if there are marks on to-dos."""
    points = [(mark.numbers, mark.says == "keep") for mark in marks if mark.part != "todo" and mark.numbers]
    todos = _of_todos(marks)
    if not points and not todos:
        return None
    weights = _fit([({**row, "bias": 1.0}, kept) for row, kept in points], bundled_weights())
    return weights | (_fit(todos, TODO_WEIGHTS) if todos else {})


_Lesson = tuple[Mapping[str, float], bool]
"""Features, and whether their part was kept."""


def _of_todos(marks: Sequence[Mark]) -> list[_Lesson]:
    """Return one lesson per to-do. A corrected to-do counts as kept, unless it was also dropped."""
    lessons: dict[tuple[str, int], _Lesson] = {}
    for mark in sorted(marks, key=lambda mark: mark.says != "fix"):
        if mark.part == "todo" and mark.numbers:
            lessons[mark.completion, mark.number] = (mark.numbers, mark.says != "drop")
    return list(lessons.values())


def _of(store: Store, rater: str | None) -> list[Mark]:
    name = rater or local_rater()
    return [mark for mark in store.judgements.marks() if mark.rater == name]


def _fit(lessons: Sequence[_Lesson], start: Mapping[str, float]) -> dict[str, float]:
    """Fit the weights by Newton's method; without lessons, return the starting weights."""
    if not lessons:
        return dict(start)
    import numpy as np  # takes 0.1 s, which users without marks should not pay

    names = sorted({*start, *(name for row, _ in lessons for name in row)})
    rows = np.array([[row.get(name, 0.0) for name in names] for row, _ in lessons])
    wanted = np.array([float(is_kept) for _, is_kept in lessons])
    held = np.array([start.get(name, 0.0) for name in names])
    pulls = np.array([_BIAS_PULL if name == "bias" else PULL for name in names])
    weights = held.copy()
    for _ in range(_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(rows @ weights, -30.0, 30.0)))
        slope = rows.T @ (chance - wanted) + pulls * (weights - held)
        curve = (rows.T * (chance * (1.0 - chance))) @ rows + np.diag(pulls)
        step = np.linalg.solve(curve, slope)
        weights = weights - np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-8:
            break
    return {name: float(value) for name, value in zip(names, weights, strict=True)}
