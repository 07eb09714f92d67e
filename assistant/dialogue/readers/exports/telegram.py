"""Reads the JSON of Telegram Desktop: one chat, or the whole account."""

from collections import Counter

from assistant.dialogue.readers.exports.values import Json, Row, rows_in, seconds_of, text_of
from assistant.dialogue.readers.messages import MEDIA, NOTICES, Message, only_one, reading_of
from assistant.dialogue.turns import Reading
from assistant.errors import InputUnreadable


def read_telegram(value: Json) -> Reading | None:
    """Read the messages of a chat. Raises InputUnreadable, with their names, if an account has several chats."""
    if not isinstance(value, dict):
        return None
    if chats := rows_in(value.get("chats"), "list"):
        written = [chat for chat in chats if any(_is_message(row) for row in rows_in(chat, "messages"))]
        only_one([text_of(chat.get("name")) for chat in written])
        if not written:
            raise InputUnreadable("this is an export of chats in which nobody writes: export one with messages")
        return _read_chat(written[0])
    is_chat = {"name", "type", "id"} <= value.keys() and any(
        "from_id" in row or "actor" in row for row in rows_in(value, "messages")
    )
    return _read_chat(value) if is_chat else None


def _read_chat(chat: Row) -> Reading | None:
    messages: list[Message] = []
    left_out: Counter[str] = Counter()
    for row in rows_in(chat, "messages"):
        if row.get("type") == "service":
            left_out[NOTICES] += 1
            continue
        said = text_of(row.get("text"))
        if said.strip():
            speaker = text_of(row.get("from")) or text_of(row.get("from_id")) or "Deleted account"
            order = seconds_of(row.get("date_unixtime")) if len(text_of(row.get("date_unixtime"))) > 6 else None
            order = order or seconds_of(row.get("date"))
            messages.append(Message(speaker=speaker, text=said, time=text_of(row.get("date")), order=order))
        else:
            left_out[MEDIA] += 1
    return reading_of(messages, left_out, "Telegram")


def _is_message(row: Row) -> bool:
    return row.get("type") == "message" and bool(text_of(row.get("text")).strip())
