"""Reads Discord channels from the JSON of DiscordChatExporter."""

from collections import Counter

from assistant.dialogue.readers.exports.values import Json, row_of, rows_in, seconds_of, text_of
from assistant.dialogue.readers.messages import MEDIA, NOTICES, Message, reading_of
from assistant.dialogue.turns import Reading

_SPEECH = frozenset(
    (
        "default",
        "reply",
        "thread starter message",
        "threadstartermessage",
        "applicationcommand",
        "contextmenucommand",
        "0",
        "19",
        "",
    )
)


def read_discord(value: Json) -> Reading | None:
    """Read the messages, with people's nicknames on the server as speakers."""
    if not isinstance(value, dict) or "messages" not in value or not ("guild" in value or "channel" in value):
        return None
    messages: list[Message] = []
    left_out: Counter[str] = Counter()
    for row in rows_in(value, "messages"):
        said = text_of(row.get("content"))
        author = row_of(row.get("author"))
        if text_of(row.get("type")).lower() not in _SPEECH:
            left_out[NOTICES] += 1
        elif said.strip():
            keys = ("nickname", "global_name", "globalName", "name", "username")
            speaker = next((text_of(author[key]) for key in keys if author.get(key)), "Unknown")
            messages.append(
                Message(
                    speaker=speaker,
                    text=said,
                    time=text_of(row.get("timestamp")),
                    order=seconds_of(row.get("timestamp")),
                )
            )
        else:
            left_out[MEDIA] += 1
    return reading_of(messages, left_out, "Discord")
