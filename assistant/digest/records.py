"""The parts of a digest. Every text in it is quoted: "…" marks what was left out, all else stands in the message."""

from typing import Literal

from assistant.records import Record

LEFT_OUT = "…"


class Point(Record, frozen=True):
    """What one message says: `text` is quoted from characters `start` to `end` of turn `turn`, counted from 0."""

    text: str
    speaker: str
    turn: int
    start: int
    end: int
    kind: Literal["point", "decision"] = "point"


class Todo(Record, frozen=True):
    """Who does what by when. `text` is the sentence of turn `turn` that says it.

    `who` is a speaker or somebody mentioned, empty where nobody was named. `when` is quoted, empty where no time was
    given; `date` is the same as an ISO date where the conversation is dated. `done` is only ever said by a person: what
    the conversation reports as done is no to-do.
    """

    who: str
    what: str
    when: str
    date: str
    turn: int
    text: str
    done: bool = False


class Open(Record, frozen=True):
    """A question that nobody answered, quoted as a point is."""

    text: str
    speaker: str
    turn: int
    start: int
    end: int


class Topic(Record, frozen=True):
    """A stretch of a long conversation, turns `start` to `end` (exclusive), under words of its own."""

    title: str
    start: int
    end: int


class Digest(Record, frozen=True):
    """What a reader needs of a conversation, in its order. `topics` is empty where it is short."""

    title: str = ""
    points: tuple[Point, ...] = ()
    todos: tuple[Todo, ...] = ()
    open: tuple[Open, ...] = ()
    topics: tuple[Topic, ...] = ()
