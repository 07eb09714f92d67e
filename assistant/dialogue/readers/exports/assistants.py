"""Conversations with ChatGPT and Claude, as their data exports have them."""

from collections.abc import Mapping

from assistant.dialogue.readers.exports.values import Json, Row, rows_in, seconds_of, text_of
from assistant.dialogue.readers.messages import Message, reading_of
from assistant.dialogue.turns import Reading
from assistant.errors import InputUnreadable


def read_chatgpt(value: Json) -> Reading | None:
    """The branch of the conversation that is open now: from the current node up to the root."""
    chats = [
        row for row in (value if isinstance(value, list) else [value]) if isinstance(row, Mapping) and "mapping" in row
    ]
    if not chats:
        return None
    chat = _only(chats, "title")
    nodes: dict[str, Row] = chat["mapping"]
    place = text_of(chat.get("current_node")) or next(reversed(nodes), "")
    branch: list[Message] = []
    seen: set[str] = set()
    while place in nodes and place not in seen:
        seen.add(place)
        message = nodes[place].get("message")
        if isinstance(message, Mapping) and (one := _message(message)):
            branch.append(one)
        place = text_of(nodes[place].get("parent"))
    return reading_of(reversed(branch), {}, "ChatGPT")


def read_claude(value: Json) -> Reading | None:
    """The messages of a Claude conversation."""
    chats = [
        row
        for row in (value if isinstance(value, list) else [value])
        if isinstance(row, Mapping) and "chat_messages" in row
    ]
    if not chats:
        return None
    rows = rows_in(_only(chats, "name"), "chat_messages")
    return reading_of(
        (
            Message(
                speaker=text_of(row.get("sender")) or "human",
                text=text_of(row.get("text")) or text_of(row.get("content")),
                time=text_of(row.get("created_at")),
                order=seconds_of(row.get("created_at")),
            )
            for row in rows
        ),
        {},
        "Claude",
    )


def _message(message: Row) -> Message | None:
    author, content = message.get("author") or {}, message.get("content") or {}
    role = text_of(author.get("role"))
    hidden = (message.get("metadata") or {}).get("is_visually_hidden_from_conversation")
    if (
        role not in ("user", "assistant")
        or hidden
        or content.get("content_type") not in ("text", "multimodal_text", None)
    ):
        return None
    said = "\n".join(part for part in map(text_of, content.get("parts") or []) if part)
    return Message(speaker=role, text=said, time=text_of(message.get("create_time")))


def _only(chats: list[Row], title: str) -> Row:
    if len(chats) > 1:
        names = ", ".join(text_of(chat.get(title)) or "untitled" for chat in chats[:5])
        raise InputUnreadable(f"this is an export of {len(chats)} conversations ({names}): cut one out and try again")
    return chats[0]
