"""Reads Matrix rooms as exported by Element and archivers."""

from collections import Counter

from assistant.dialogue.readers.exports.values import Json, Row, row_of, rows_in, seconds_of, text_of
from assistant.dialogue.readers.messages import MEDIA, NOTICES, Message, reading_of
from assistant.dialogue.turns import Reading

_SPEECH = frozenset(("m.text", "m.emote", "m.notice"))


def read_matrix(value: Json) -> Reading | None:
    """Read the text messages of a room, with display names if membership events have them."""
    rows = rows_in(value, "messages", "chunk", "events") if isinstance(value, dict) else rows_in(value)
    if not any(text_of(row.get("type")).startswith("m.room.") for row in rows):
        return None
    names = {
        text_of(row.get("state_key")): text_of(_content(row).get("displayname"))
        for row in rows
        if _content(row).get("displayname")
    }
    messages: list[Message] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        content = _content(row)
        if row.get("type") != "m.room.message":
            left_out[NOTICES] += 1
        elif text_of(content.get("msgtype")) not in _SPEECH:
            left_out[MEDIA] += 1
        elif _replaces(content):
            left_out[NOTICES] += 1
        else:
            sender = text_of(row.get("sender"))
            speaker = names.get(sender) or sender.lstrip("@").partition(":")[0]
            order = seconds_of(row.get("origin_server_ts"))
            messages.append(
                Message(
                    speaker=speaker,
                    text=_without_quote(text_of(content.get("body"))),
                    time=text_of(row.get("origin_server_ts")),
                    order=order,
                )
            )
    return reading_of(messages, left_out, "Matrix")


def _content(row: Row) -> Row:
    return row_of(row.get("content"))


def _replaces(content: Row) -> bool:
    return row_of(content.get("m.relates_to")).get("rel_type") == "m.replace"


def _without_quote(body: str) -> str:
    """Remove a reply's fallback, which quotes the message it answers."""
    lines = body.split("\n")
    while lines and lines[0].startswith(">"):
        lines.pop(0)
    return "\n".join(lines)
