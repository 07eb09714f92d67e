"""What a mark stores with its verdict: the features of its part, and the date that a time means."""

from datetime import date
from pathlib import Path

from assistant.digest.dates import Calendar
from assistant.digest.features import rows, units
from assistant.digest.hearing import hear
from assistant.digest.records import Todo
from assistant.digest.todos.todos import find_todos
from assistant.digest.todos.worth import todo_row
from assistant.records import Dialogue


def numbers_of(dialogue: Dialogue, turn: int, start: int, end: int, cue_folder: Path | None = None) -> dict[str, float]:
    """Return the mean features of the clauses in characters `start` to `end` of a turn; empty if there are none."""
    heard = hear(dialogue, cue_folder)
    tasks = frozenset(place for one in find_todos(heard) for place in one.places)
    found = units(heard)
    inside = [
        row
        for unit, row in zip(found, rows(heard, found, tasks), strict=True)
        if unit.sentence.turn == turn and start <= unit.clause.start and unit.clause.end <= end
    ]
    return {name: sum(row[name] for row in inside) / len(inside) for name in inside[0]} if inside else {}


def todo_numbers(dialogue: Dialogue, todo: Todo, cue_folder: Path | None = None) -> dict[str, float]:
    """Return the features of a to-do from a digest; empty if it is no longer found."""
    heard = hear(dialogue, cue_folder)
    same = (todo.turn, todo.text, todo.what)
    found = (one for one in find_todos(heard) if (one.todo.turn, one.todo.text, one.todo.what) == same)
    settled = next(found, None)
    return todo_row(heard, settled) if settled else {}


def day_of(dialogue: Dialogue, turn: int, when: str, cue_folder: Path | None = None) -> str:
    """Return the ISO date that a time means as said in a turn; an ISO date is returned as it is. Empty if it is
    unclear.
    """
    try:
        return date.fromisoformat(when.strip()).isoformat()
    except ValueError:
        heard = hear(dialogue, cue_folder)
        return Calendar([one.time for one in heard.turns], heard.cues).date(when, turn)
