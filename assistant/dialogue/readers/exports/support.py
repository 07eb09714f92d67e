"""Reads support tickets and direct messages of Zendesk, Intercom and X."""

from collections.abc import Mapping
from typing import Any

from assistant.dialogue.readers.exports.values import Json, Row, row_of, rows_in, seconds_of, text_of
from assistant.dialogue.readers.messages import MEDIA, NOTICES, Message, only_one, reading_of
from assistant.dialogue.turns import Reading


def read_zendesk(value: Json) -> Reading | None:
    """Read the comments of a ticket, with their authors' names from the list of users."""
    comments = rows_in(value, "comments")
    if not comments or not all("author_id" in row for row in comments):
        return None
    users = {text_of(user.get("id")): text_of(user.get("name")) for user in rows_in(value, "users")}
    found = [
        _message(
            users.get(who := text_of(row.get("author_id"))) or f"User {who}", row.get("body"), row.get("created_at")
        )
        for row in comments
    ]
    return reading_of(found, {}, "Zendesk")


def read_intercom(value: Json) -> Reading | None:
    """Read a conversation: its first message, and the parts that have a text."""
    if not isinstance(value, Mapping) or "conversation_parts" not in value:
        return None
    rows: list[Row] = [{"created_at": value.get("created_at"), **row_of(value.get("source"))}]
    rows += rows_in(value["conversation_parts"], "conversation_parts")
    found = [
        _message(_author(row.get("author")), _without_tags(text_of(row["body"])), row.get("created_at"))
        for row in rows
        if row.get("body")
    ]
    return reading_of(found, {NOTICES: len(rows) - len(found)}, "Intercom")


def read_x(value: Json) -> Reading | None:
    """Read the direct messages of an X archive, with sender ids as speakers: it has no names.

    Raises InputUnreadable if there are several conversations.
    """
    chats = [row["dmConversation"] for row in rows_in(value) if isinstance(row.get("dmConversation"), Mapping)]
    if not chats:
        return None
    only_one([text_of(chat.get("conversationId")) for chat in chats])
    events = rows_in(chats[0], "messages")
    created = [row["messageCreate"] for row in events if isinstance(row.get("messageCreate"), Mapping)]
    found = [
        _message(f"User {text_of(row.get('senderId'))}", row.get("text"), row.get("createdAt"))
        for row in created
        if row.get("text")
    ]
    left_out = {NOTICES: len(events) - len(created), MEDIA: len(created) - len(found)}
    return reading_of(found, left_out, "X")


def _message(speaker: str, said: Any, time: Any) -> Message:
    return Message(speaker=speaker, text=text_of(said), time=text_of(time), order=seconds_of(time))


def _author(author: Any) -> str:
    row = row_of(author)
    return text_of(row.get("name")) or text_of(row.get("email")) or text_of(row.get("type")) or "Unknown"


def _without_tags(said: str) -> str:
    from bs4 import BeautifulSoup  # takes 100 ms to import

    return str(BeautifulSoup(said, "lxml").get_text(" "))
