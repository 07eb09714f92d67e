"""What a person thinks of one part of a digest: the third kind of judgement beside ratings and rankings."""

from datetime import date
from typing import Literal

from assistant.errors import UsageError
from assistant.records import Judgement

Part = Literal["point", "decision", "todo", "open"]
Says = Literal["keep", "drop", "fix"]
SAYINGS: dict[Says, str] = {"keep": "kept", "drop": "dropped", "fix": "put right"}


class Mark(Judgement, frozen=True, kw_only=True):
    """A part of the digest `completion` kept or dropped, or a to-do put right.

    `part` and `number` say which: the kind, and the place among points (decisions are points), to-dos or open
    questions. `text` is what it says, `turn` the message that it comes from. `numbers` are those that the digest weighs
    a clause or a to-do by, so that marks teach without the conversation. A fix says `who`, `when`, `date` and
    whether it is `done`.
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
    """The same for marks that replace each other: keeping and dropping do, putting right stands beside them."""
    group = "point" if mark.part == "decision" else mark.part
    return f"{mark.completion} {group} {mark.number} {'fix' if mark.says == 'fix' else 'mark'}"


def check_mark(mark: Mark) -> None:
    """Raise UsageError where a mark makes no sense by itself."""
    if mark.says == "fix" and mark.part != "todo":
        raise UsageError("only a to-do can be corrected")
    if mark.number < 0 or mark.turn < 0:
        raise UsageError("a mark needs the place of a part")
    if mark.date and not is_day(mark.date):
        raise UsageError(f"the date of a to-do is a day such as 2026-01-31, not {mark.date!r}")


def is_day(text: str) -> bool:
    """Whether a text is a day as year-month-day."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
