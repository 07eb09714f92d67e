"""Scores whether the reader wants a to-do: its features, and the probability that the reader keeps it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from assistant.digest.choosing import probability
from assistant.digest.features import Row
from assistant.digest.hearing import Heard
from assistant.digest.spans import count_words
from assistant.digest.todos.todos import Settled

PREFIX = "to-do "
"""The prefix of a to-do's features, which separates their weights from those of clauses."""
STRENGTH = f"{PREFIX}strength"
TODO_WEIGHTS: Mapping[str, float] = {STRENGTH: 2.0}
"""The default weights, before the user has marked any: the more certain a to-do, the likelier it is kept. Every to-do
found has a strength of at least 0.5, and so a probability of at least 73 %.
"""
_LEAST_CHANCE = 0.25
"""A to-do three times likelier to be dropped than kept is left out: missing one costs more than an extra one."""
_LONG = 6


def todo_row(heard: Heard, settled: Settled) -> Row:
    """Return the features of a to-do. One of them is its owner, because many readers want only their own."""
    todo = settled.todo
    numbers = {
        "bias": 1.0,
        "strength": settled.strength,
        "pledged": float(todo.who == heard.turns[todo.turn].speaker),
        "timed": float(bool(todo.when)),
        "dated": float(bool(todo.date)),
        "explained": float("(" in todo.what),
        "figures": float(re.search(r"\d", f"{todo.what} {todo.when}") is not None),
        "money": float(heard.cues.found("money", todo.what)),
        "long": float(count_words(todo.what) > _LONG),
        f"of {todo.who or 'nobody'}": 1.0,
    }
    return {f"{PREFIX}{name}": value for name, value in numbers.items()}


def as_wanted(heard: Heard, found: Sequence[Settled], weights: Mapping[str, float] | None) -> list[Settled]:
    """Return the to-dos with the probability of being kept as their strength, without those almost sure to be dropped.
    If no weights are for to-dos, return all unchanged.
    """
    own = {name: value for name, value in (weights or {}).items() if name.startswith(PREFIX)}
    if not own:
        return list(found)
    wanted = [replace(one, strength=probability(todo_row(heard, one), own)) for one in found]
    return [one for one in wanted if one.strength >= _LEAST_CHANCE]
