"""What a reader makes of a text: messages, and how many lines of which kind it left out."""

from collections import Counter
from collections.abc import Iterable, Mapping

from assistant.dialogue.turns import Reading, make_turn
from assistant.records import Record, Turn

NOTICES, MEDIA, DELETED, HEADERS, REACTIONS, QUOTED, SIGNATURES, SOUNDS = (
    "notices",
    "media",
    "deleted",
    "headers",
    "reactions",
    "quoted",
    "signatures",
    "sounds",
)
"""The kinds of lines that nobody said."""


class Message(Record, frozen=True):
    """One message as a source has it. `order` puts messages in time where the source has a machine's time."""

    speaker: str
    text: str
    time: str = ""
    order: float | None = None


def reading_of(messages: Iterable[Message], left_out: Mapping[str, int], label: str = "") -> Reading | None:
    """The turns of the messages, in order of time where every message has one; None where nobody says anything."""
    found = list(messages)
    if found and all(message.order is not None for message in found):
        found.sort(key=lambda message: message.order or 0.0)
    made = (make_turn(message.speaker, message.text, message.time) for message in found)
    turns: list[Turn] = [turn for turn in made if turn]
    if not turns:
        return None
    kinds = {kind: count for kind, count in Counter(dict(left_out)).items() if count}
    return Reading(turns=tuple(turns), left_out=sum(kinds.values()), kinds=kinds, label=label)
