"""The parts of a digest, in their displayed order."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from assistant.records import Dialogue, Record

if TYPE_CHECKING:
    from assistant.digest import Digest
    from assistant.feedback.marks import Mark, Says

ItemKind = Literal["point", "decision", "todo", "open"]


class Item(Record, frozen=True):
    """One part of a digest.

    `number` is its index among the points, the to-dos or the open questions. `text` is quoted from characters `start`
    to `end` of turn `turn`. For a to-do both are -1, and `text` is the sentence that states it. `line` is the displayed
    text.
    """

    kind: ItemKind
    number: int
    turn: int
    start: int
    end: int
    text: str
    line: str

    @property
    def key(self) -> tuple[str, int]:
        """The identity of the part. Decisions count as points."""
        return ("point" if self.kind == "decision" else self.kind, self.number)


def blocks_of(digest: "Digest") -> Iterator[tuple[str, list[Item]]]:
    """Yield the headings ("" for none) with their parts, in the order of `assistant.digest.render`."""
    from assistant.digest import point_line, todo_line

    points = [
        Item(
            kind=point.kind,
            number=number,
            turn=point.turn,
            start=point.start,
            end=point.end,
            text=point.text,
            line=f"{'Decided: ' if point.kind == 'decision' else ''}{point_line(point)}",
        )
        for number, point in enumerate(digest.points)
    ]
    if digest.topics:
        for topic in digest.topics:
            yield topic.title, [item for item in points if topic.start <= item.turn < topic.end]
    else:
        yield "", points
    yield (
        "To do",
        [
            Item(kind="todo", number=number, turn=todo.turn, start=-1, end=-1, text=todo.text, line=todo_line(todo))
            for number, todo in enumerate(digest.todos)
        ],
    )
    yield (
        "Open",
        [
            Item(
                kind="open",
                number=number,
                turn=one.turn,
                start=one.start,
                end=one.end,
                text=one.text,
                line=point_line(one),
            )
            for number, one in enumerate(digest.open)
        ],
    )


def marked_parts(digest: "Digest | None", marks: "Sequence[Mark]") -> "Iterator[tuple[Says, str]]":
    """Yield the mark and the text of each marked part, in the digest's order, with to-dos as corrected.

    If the digest is no longer stored, the texts are those that were marked.
    """
    from assistant.digest import Digest
    from assistant.marking import put_right

    fixed = put_right(digest or Digest(), [mark for mark in marks if mark.says == "fix"])
    shown = {item.key: item.line for _, items in blocks_of(fixed) for item in items}
    order = {key: place for place, key in enumerate(shown)}
    for mark in sorted(marks, key=lambda mark: order.get(mark_key(mark), len(order))):
        yield mark.says, shown.get(mark_key(mark), mark.text)


def mark_key(mark: "Mark") -> tuple[str, int]:
    """The `Item.key` of the part that a mark is about."""
    return ("point" if mark.part == "decision" else mark.part, mark.number)


def place_in(dialogue: Dialogue, item: Item) -> tuple[int, int]:
    """The characters of the message that the item quotes; the whole message if they are not found."""
    text = dialogue.turns[item.turn].text
    if item.start >= 0:
        return item.start, item.end
    start = text.find(item.text)
    return (start, start + len(item.text)) if start >= 0 and item.text else (0, len(text))
