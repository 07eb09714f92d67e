"""Marks: judgements of one part of a digest, next to ratings and rankings."""

from datetime import date
from typing import Literal

from assistant.errors import UsageError
from assistant.records import Judgement

Part = Literal["point", "decision", "todo", "open"]
Says = Literal["keep", "drop", "fix"]
SAYINGS: dict[Says, str] = {"keep": "kept", "drop": "dropped", "fix": "put right"}


class Mark(Judgement, frozen=True, kw_only=True):
    """A part of the digest `completion` kept or dropped, or a to-do corrected.

    `part` and `number` identify the part: its kind, and its index among points (decisions are points), to-dos or open
    questions. `text` is its text, `turn` the message it comes from. `numbers` are the digest's features of the clause
    or to-do, so that marks can be learned from without the conversation. A fix has `who`, `when`, `date` and whether it
    is `done`.
    """

    completion: str
    part: Part
    number: int
    says: Says
    turn: int
    text: str
    numbers: dict[str, float] = {}
    who: str = ""
    when: str = ""
    date: str = ""
    done: bool = False


def subject_of(mark: Mark) -> str:
    """Return a key that is equal for marks that replace each other. Keep and drop do; a fix is separate."""
    group = "point" if mark.part == "decision" else mark.part
    return f"{mark.completion} {group} {mark.number} {'fix' if mark.says == 'fix' else 'mark'}"


def check_mark(mark: Mark) -> None:
    """Raise UsageError if a mark is invalid by itself."""
    if mark.says == "fix" and mark.part != "todo":
        raise UsageError("only a to-do can be corrected")
    if mark.number < 0 or mark.turn < 0:
        raise UsageError("a mark needs the place of a part")
    if mark.date and not is_day(mark.date):
        raise UsageError(f"the date of a to-do is a day such as 2026-01-31, not {mark.date!r}")


def is_day(text: str) -> bool:
    """Whether the text is a date as year-month-day."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
