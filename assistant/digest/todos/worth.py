"""Whether a reader wants a to-do: what can be counted of it, and the chance that it is kept."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from assistant.digest.choosing import probability
from assistant.digest.features import Row
from assistant.digest.hearing import Heard
from assistant.digest.spans import count_words
from assistant.digest.todos.todos import Settled

PREFIX = "to-do "
"""What the names of a to-do's numbers begin with, so that they and a clause's have their weights apart."""
STRENGTH = f"{PREFIX}strength"
TODO_WEIGHTS: Mapping[str, float] = {STRENGTH: 2.0}
"""The weights of somebody who marked none: the surer it is a to-do, the likelier it is kept. Every one that is
found has a strength of 0.5 or more, and so a chance of 73 % or more.
"""
_LEAST_CHANCE = 0.25
"""A to-do is left out where it is three times likelier to be dropped than kept: one missed costs more than one too
many.
"""
_LONG = 6


def todo_row(heard: Heard, settled: Settled) -> Row:
    """The numbers of a to-do. One of them names its owner: many readers want their own."""
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
    """The to-dos, each as strong as it is likely to be kept, without those that are all but sure to be dropped.
    Weights that say nothing of to-dos leave all as they are.
    """
    own = {name: value for name, value in (weights or {}).items() if name.startswith(PREFIX)}
    if not own:
        return list(found)
    wanted = [replace(one, strength=probability(todo_row(heard, one), own)) for one in found]
    return [one for one in wanted if one.strength >= _LEAST_CHANCE]
