"""To-dos as files: a checklist in Markdown, tasks for a calendar (RFC 5545), JSON."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from assistant.digest import Todo, todo_line
from assistant.errors import UsageError
from assistant.feedback.marks import is_day
from assistant.terminal import one_line

TodoKind = Literal["md", "ics", "json"]


def kind_of(path: Path) -> TodoKind:
    """Return the format by the file's suffix. Raises UsageError if it is none of them."""
    suffix = path.suffix.lower().removeprefix(".")
    for kind in TODO_KINDS:
        if kind == suffix:
            return kind
    raise UsageError(f"{path.name}: the file for to-dos must end in .{', .'.join(TODO_KINDS)}")


def todos_as(kind: TodoKind, todos: Sequence[Todo]) -> bytes:
    """Return the to-dos as the content of a file."""
    return TODO_KINDS[kind](todos)


def _checklist(todos: Sequence[Todo]) -> bytes:
    """Return a Markdown checklist; empty for no to-dos, to distinguish that from a failure."""
    lines = [f"- [{'x' if todo.done else ' '}] {one_line(todo_line(replace(todo, done=False)))}\n" for todo in todos]
    return "".join(lines).encode()


def _calendar(todos: Sequence[Todo]) -> bytes:
    from icalendar import Calendar  # takes 100 ms
    from icalendar import Todo as Task

    calendar = Calendar()
    calendar.add("prodid", "-//Parley//to-dos//EN")
    calendar.add("version", "2.0")
    stamp = datetime.now(UTC)
    for todo, uid in zip(todos, _fingerprints(todos), strict=True):
        task = Task()
        # A to-do keeps its id whoever owns it, so that a calendar that imports the file twice updates the task.
        task.add("uid", f"{uid}@parley")
        task.add("dtstamp", stamp)
        # An attendee needs an address, which is unknown, so the owner is part of the summary.
        task.add("summary", one_line(f"{todo.who}: {todo.what}" if todo.who else todo.what))
        told = f"{todo.text} ({todo.when})" if todo.when and todo.when not in todo.text else todo.text
        task.add("description", one_line(told))
        if is_day(todo.date):  # marks of earlier versions may contain anything
            task.add("due", date.fromisoformat(todo.date))
        task.add("status", "COMPLETED" if todo.done else "NEEDS-ACTION")
        calendar.add_component(task)
    content: bytes = calendar.to_ical()
    return content


def _fingerprints(todos: Sequence[Todo]) -> Iterator[str]:
    """Yield a hash of each to-do's place and words, which no correction changes; equal to-dos are numbered."""
    seen = Counter[tuple[int, str, str]]()
    for todo in todos:
        said = (todo.turn, todo.what, todo.text)
        yield hashlib.sha256("\0".join((*map(str, said), str(seen[said]))).encode()).hexdigest()[:24]
        seen[said] += 1


def _json(todos: Sequence[Todo]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(todos)) + b"\n"


TODO_KINDS: dict[TodoKind, Callable[[Sequence[Todo]], bytes]] = {"md": _checklist, "ics": _calendar, "json": _json}
