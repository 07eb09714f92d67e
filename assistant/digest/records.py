"""The parts of a digest. All text is quoted from the messages; "…" marks omissions."""

from typing import Literal

from assistant.records import Record

LEFT_OUT = "…"


class Point(Record, frozen=True):
    """A quotation from one message: `text` is from characters `start` to `end` of turn `turn`, counted from 0."""

    text: str
    speaker: str
    turn: int
    start: int
    end: int
    kind: Literal["point", "decision"] = "point"


class Todo(Record, frozen=True):
    """Who does what by when. `text` is the sentence of turn `turn` that says so.

    `who` is a speaker or somebody mentioned, empty if nobody is named. `when` is quoted, empty if there is no time;
    `date` is its ISO date if the conversation is dated. `done` is only set by the user: what the conversation reports
    as done is no to-do.
    """

    who: str
    what: str
    when: str
    date: str
    turn: int
    text: str
    done: bool = False


class Open(Record, frozen=True):
    """A question that nobody answered, quoted like a point."""

    text: str
    speaker: str
    turn: int
    start: int
    end: int


class Topic(Record, frozen=True):
    """A section of a long conversation: turns `start` to `end` (exclusive), titled with its own words."""

    title: str
    start: int
    end: int


class Digest(Record, frozen=True):
    """The digest of a conversation, in its order. `topics` is empty if the conversation is short."""

    title: str = ""
    points: tuple[Point, ...] = ()
    todos: tuple[Todo, ...] = ()
    open: tuple[Open, ...] = ()
    topics: tuple[Topic, ...] = ()
