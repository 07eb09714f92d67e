"""The results of readers: messages, and the number of lines left out by kind."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from assistant.dialogue.stamps import has_clock, is_clock, stamp_at_start
from assistant.dialogue.turns import Reading, make_turn
from assistant.errors import InputUnreadable
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
"""The kinds of lines that are not speech."""


_MOST = 3 / 4
"""The share of messages that must start with a time for it to be taken as theirs."""


class Message(Record, frozen=True):
    """A message as its source has it. `order` is its time in seconds, if the source has a machine-readable one."""

    speaker: str
    text: str
    time: str = ""
    order: float | None = None


def only_one(names: Sequence[str]) -> None:
    """Raise InputUnreadable, with the first names, if there is more than one conversation."""
    if len(names) > 1:
        some = ", ".join(name or "unnamed" for name in names[:5])
        raise InputUnreadable(f"this is an export of {len(names)} conversations ({some}): cut one out and try again")


def with_times(messages: Sequence[Message]) -> list[Message]:
    """Move times from the start of texts into `time`, if most messages have one: "Ana: [12:03] hello"."""
    apart = [_time_apart(message) for message in messages]
    if sum(one is not None for one in apart) < _MOST * len(messages):
        return list(messages)
    return [one or message for one, message in zip(apart, messages, strict=True)]


def _time_apart(message: Message) -> Message | None:
    first, _, rest = message.text.partition("\n")
    if message.time or not has_clock(first[:40]):
        return None
    if rest and is_clock(first):
        return msgspec.structs.replace(message, text=rest, time=first)
    stamp = stamp_at_start(first)
    if stamp is None or first[stamp.end - 1 : stamp.end] not in (" ", "\t", "]") or len(first) == stamp.end:
        return None
    return msgspec.structs.replace(message, text=message.text[stamp.end :], time=stamp.text)


def reading_of(messages: Iterable[Message], left_out: Mapping[str, int], label: str = "") -> Reading | None:
    """Turn messages into a reading, sorted by time if all have one. Returns None if nobody says anything."""
    found = list(messages)
    if found and all(message.order is not None for message in found):
        found.sort(key=lambda message: message.order or 0.0)
    made = (make_turn(message.speaker, message.text, message.time) for message in found)
    turns: list[Turn] = [turn for turn in made if turn]
    if not turns:
        return None
    kinds = {kind: count for kind, count in Counter(dict(left_out)).items() if count}
    return Reading(turns=tuple(turns), left_out=sum(kinds.values()), kinds=kinds, label=label)
