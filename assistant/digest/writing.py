"""Renders a digest as plain lines or Markdown."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from assistant.digest.records import Digest, Open, Point, Todo

Style = Literal["plain", "markdown"]


def render(digest: Digest, style: Style = "plain") -> str:
    """Render the digest as text; empty if the digest is."""
    blocks = [block for block in _blocks(digest, style) if block]
    return "\n\n".join("\n".join(block) for block in blocks)


def todo_line(todo: Todo) -> str:
    """Return "who · what · when", as far as they are known."""
    when = f"{todo.when} ({todo.date})" if todo.when and todo.date else todo.when
    return " · ".join(part for part in (todo.who, todo.what, when, "done" if todo.done else "") if part)


def point_line(point: Point | Open) -> str:
    """Return "speaker: text"."""
    return f"{point.speaker}: {point.text}"


def _blocks(digest: Digest, style: Style) -> Iterator[list[str]]:
    if digest.topics:
        for topic in digest.topics:
            inside = [point for point in digest.points if topic.start <= point.turn < topic.end]
            yield _block(topic.title, map(_point, inside), style)
    else:
        yield [_item(_point(point), style) for point in digest.points]
    yield _block("To do", map(todo_line, digest.todos), style, boxes=[todo.done for todo in digest.todos])
    yield _block("Open", map(point_line, digest.open), style)


def _point(point: Point) -> str:
    return f"Decided: {point_line(point)}" if point.kind == "decision" else point_line(point)


def _block(title: str, lines: Iterable[str], style: Style, boxes: Sequence[bool] | None = None) -> list[str]:
    """Return a heading and its lines; `boxes` says for each whether its box is ticked."""
    found = list(lines)
    marks = ["" for _ in found] if boxes is None else ["[x] " if done else "[ ] " for done in boxes]
    items = [_item(line, style, mark) for line, mark in zip(found, marks, strict=True)]
    head = f"## {title}" if style == "markdown" else title
    return [head, *items] if items else []


def _item(line: str, style: Style, box: str = "") -> str:
    return f"- {box}{line}" if style == "markdown" else f"  {line}"
