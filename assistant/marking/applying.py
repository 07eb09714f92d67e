"""Applies marks to a digest: corrects to-dos, and leaves out dropped parts."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from assistant.digest import Digest, Todo
from assistant.feedback.marks import Mark

_Kind = TypeVar("_Kind")


def as_fixed(todo: Todo, fix: Mark) -> Todo:
    """Return the to-do as the user corrected it."""
    return msgspec.structs.replace(todo, who=fix.who, when=fix.when, date=fix.date, done=fix.done)


def put_right(digest: Digest, marks: Iterable[Mark]) -> Digest:
    """Return the digest without dropped parts and with corrected to-dos."""
    marks = list(marks)
    gone = {("point" if mark.part == "decision" else mark.part, mark.number) for mark in marks if mark.says == "drop"}
    fixes = {mark.number: mark for mark in marks if mark.says == "fix"}
    todos = [as_fixed(todo, fixes[number]) if number in fixes else todo for number, todo in enumerate(digest.todos)]

    def left(part: str, items: Iterable[_Kind]) -> tuple[_Kind, ...]:
        return tuple(item for number, item in enumerate(items) if (part, number) not in gone)

    return msgspec.structs.replace(
        digest, points=left("point", digest.points), todos=left("todo", todos), open=left("open", digest.open)
    )
