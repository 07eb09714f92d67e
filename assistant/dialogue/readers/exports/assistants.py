"""Reads conversations from the data exports of ChatGPT and Claude."""

from collections.abc import Mapping

from assistant.dialogue.readers.exports.values import Json, Row, row_of, rows_in, seconds_of, text_of
from assistant.dialogue.readers.messages import Message, only_one, reading_of
from assistant.dialogue.turns import Reading


def read_chatgpt(value: Json) -> Reading | None:
    """Read the current branch of the conversation: from the current node up to the root."""
    chats = [
        row for row in (value if isinstance(value, list) else [value]) if isinstance(row, Mapping) and "mapping" in row
    ]
    if not chats:
        return None
    only_one([text_of(chat.get("title")) for chat in chats])
    chat = chats[0]
    nodes = row_of(chat["mapping"])
    place = text_of(chat.get("current_node")) or next(reversed(list(nodes)), "")
    branch: list[Message] = []
    seen: set[str] = set()
    while place in nodes and place not in seen:
        seen.add(place)
        node = row_of(nodes[place])
        if one := _message(row_of(node.get("message"))):
            branch.append(one)
        place = text_of(node.get("parent"))
    return reading_of(reversed(branch), {}, "ChatGPT")


def read_claude(value: Json) -> Reading | None:
    """Read the messages of a Claude conversation."""
    chats = [
        row
        for row in (value if isinstance(value, list) else [value])
        if isinstance(row, Mapping) and "chat_messages" in row
    ]
    if not chats:
        return None
    only_one([text_of(chat.get("name")) for chat in chats])
    rows = rows_in(chats[0], "chat_messages")
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
    content = row_of(message.get("content"))
    role = text_of(row_of(message.get("author")).get("role"))
    hidden = row_of(message.get("metadata")).get("is_visually_hidden_from_conversation")
    if (
        role not in ("user", "assistant")
        or hidden
        or content.get("content_type") not in ("text", "multimodal_text", None)
    ):
        return None
    parts = content.get("parts")
    said = "\n".join(part for part in map(text_of, parts if isinstance(parts, list) else [parts]) if part)
    return Message(speaker=role, text=said, time=text_of(message.get("create_time")))
