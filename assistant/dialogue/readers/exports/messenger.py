"""Reads Messenger and Instagram from Meta's data export, which is mojibake and newest first."""

from collections import Counter

from assistant.dialogue.notices import kind_of
from assistant.dialogue.readers.exports.values import Json, repaired, rows_in, seconds_of, text_of
from assistant.dialogue.readers.messages import MEDIA, Message, reading_of
from assistant.dialogue.turns import Reading


def read_messenger(value: Json) -> Reading | None:
    """Read the messages of one thread, oldest first, with the mojibake repaired."""
    rows = rows_in(value, "messages") if isinstance(value, dict) else []
    key = "sender_name" if any("sender_name" in row for row in rows) else "senderName"
    if not any(key in row for row in rows):
        return None
    messages: list[Message] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        said = repaired(text_of(row.get("content") if "content" in row else row.get("text")))
        time = row.get("timestamp_ms", row.get("timestamp"))
        if not said.strip() or row.get("is_unsent"):
            left_out[MEDIA] += 1
        elif kind := kind_of(said):
            left_out[kind] += 1
        else:
            messages.append(
                Message(speaker=repaired(text_of(row.get(key))), text=said, time=text_of(time), order=seconds_of(time))
            )
    return reading_of(messages, left_out, "Messenger")
