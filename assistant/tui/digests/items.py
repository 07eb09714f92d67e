"""The parts of a digest in the order in which they are shown."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from assistant.records import Dialogue, Record

if TYPE_CHECKING:
    from assistant.digest import Digest
    from assistant.feedback.marks import Mark, Says

ItemKind = Literal["point", "decision", "todo", "open"]


class Item(Record, frozen=True):
    """One part. `number` is its place among the digest's points, to-dos or open questions; `text` is quoted from
    characters `start` to `end` of turn `turn`, -1 for a to-do, whose `text` is the sentence that says it. `line` is
    what is shown.
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
        """Which part it is: decisions are points."""
        return ("point" if self.kind == "decision" else self.kind, self.number)


def blocks_of(digest: "Digest") -> Iterator[tuple[str, list[Item]]]:
    """Headings, "" for none, and what stands under each, as `assistant.digest.render` has them."""
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
    """What was said of each part, and the part as it is shown, in the digest's order; to-dos as they were put right.
    Where the digest is not kept any more, the words that were marked.
    """
    from assistant.digest import Digest
    from assistant.marking import put_right

    fixed = put_right(digest or Digest(), [mark for mark in marks if mark.says == "fix"])
    shown = {item.key: item.line for _, items in blocks_of(fixed) for item in items}
    order = {key: place for place, key in enumerate(shown)}
    for mark in sorted(marks, key=lambda mark: order.get(mark_key(mark), len(order))):
        yield mark.says, shown.get(mark_key(mark), mark.text)


def mark_key(mark: "Mark") -> tuple[str, int]:
    """Which part a mark is about, as `Item.key` says it."""
    return ("point" if mark.part == "decision" else mark.part, mark.number)


def place_in(dialogue: Dialogue, item: Item) -> tuple[int, int]:
    """Where in its message the item stands; the whole message where its words are not found there."""
    text = dialogue.turns[item.turn].text
    if item.start >= 0:
        return item.start, item.end
    start = text.find(item.text)
    return (start, start + len(item.text)) if start >= 0 and item.text else (0, len(text))
