"""Weighs clauses beyond their scores: whether they can stand alone, still hold, and are not told elsewhere."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources

import msgspec

from assistant.digest.features import Unit
from assistant.digest.hearing import Heard, Sentence
from assistant.digest.spans import stems
from assistant.digest.todos.todos import Settled

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Maps texts to unit vectors."""

_RENEWED = 0.35
"""The factor for a clause whose day or amount is later given anew."""
_COVERED = 0.7
"""How far a word in a to-do or an open question counts as told."""


@cache
def bundled_weights() -> dict[str, float]:
    """Return the weights that ship with the package."""
    text = resources.files(__package__).joinpath("weights.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, float])


def contexts(heard: Heard, candidates: Sequence[Unit]) -> dict[int, int]:
    """Map each clause that can't be understood alone to the one to quote with it: what it answers, or what "it" refers
    to.
    """
    last: dict[int, int] = {}
    found: dict[int, int] = {}
    for at, unit in enumerate(candidates):
        turn = unit.sentence.turn
        short = len(unit.clause.stems) <= 2 and unit.clause.words <= 5 and not unit.asks
        words = [re.split("['’]", word)[0] for word in re.findall(r"[\w'’]+", unit.text.lower())]
        pointing = words if len(unit.clause.stems) <= 1 else words[:1]  # "Only Owen has it"
        refers = not heard.cues.words("pronouns").isdisjoint(pointing)
        if at and refers and candidates[at - 1].sentence.turn == turn and unit.clause == unit.sentence.clauses[0]:
            found[at] = at - 1
        elif short and unit.sentence == heard.by_turn[turn][0]:
            before = next((last[one] for one in (turn - 1, turn - 2) if one in last and _other(heard, one, turn)), None)
            if before is not None and candidates[before].asks:
                found[at] = _asked_about(candidates, last, turn, before)
        last[turn] = at
    return found


def _asked_about(candidates: Sequence[Unit], last: Mapping[int, int], turn: int, question: int) -> int:
    """Return the question, or what it asks about: "The reports are empty." "Since when?" "Monday"."""
    if candidates[question].clause.stems or candidates[question].sentence.turn != turn - 1:
        return question
    return last.get(turn - 2, question)


def _other(heard: Heard, turn: int, later: int) -> bool:
    return heard.turns[turn].speaker != heard.turns[later].speaker


def _quotable(unit: Unit, has_context: bool) -> bool:
    """Whether a clause is informative, alone or with its context."""
    carried = len(unit.clause.stems)
    if unit.replaced or not carried:
        return False
    return carried > 1 or has_context or unit.clause.words >= 3 or any(map(str.isdigit, unit.text))


def worth(unit: Unit, has_context: bool, tasks: frozenset[int]) -> float:
    """Return the factor for a clause's score; 0 excludes it, for example because a to-do says the same."""
    told = unit.sentence.place in tasks
    return 0.0 if told or not _quotable(unit, has_context) else _RENEWED if unit.renewed else 1.0


def covered_by(heard: Heard, todos: Sequence[Settled], asked: Sequence[Sentence]) -> dict[str, float]:
    """Return how far each word is told by to-dos and open questions."""
    said = [word for one in todos for word in stems(f"{one.todo.what} {one.todo.when}", heard.cues)]
    return dict.fromkeys([*said, *(word for one in asked for word in one.stems)], _COVERED)


def nearness(heard: Heard, candidates: Sequence[Unit], focus: str, encoder: Embed | None) -> list[float]:
    """Return the similarity of each unit to the focus, from 0.05 to 1."""
    wanted = set(stems(focus, heard.cues))
    near = [len(wanted & unit.sentence.stems) / (len(wanted) or 1) for unit in candidates]
    if encoder is not None:
        aim, *others = encoder([focus, *(unit.sentence.text for unit in candidates)])
        cosines = [sum(a * b for a, b in zip(aim, other, strict=True)) for other in others]
        near = [max(share, min(1.0, (cosine - 0.15) / 0.6)) for share, cosine in zip(near, cosines, strict=True)]
    return [0.05 + 0.95 * share for share in near]
