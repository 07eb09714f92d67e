"""A kept chat as a file to pass on: Markdown to read, JSON to compute with. Knows the store's nouns, not its rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from assistant.files import free_path, write_atomically
from assistant.records import Chat, Message
from assistant.terminal import one_line

if TYPE_CHECKING:
    from assistant.feedback.store import Store

Kind = Literal["md", "json"]
_HEADINGS = {"conversation": "Conversation", "answer": "Answer", "user": "You", "notice": "Note"}


def export_chat(store: "Store", id: str, kind: Kind, folder: Path) -> Path:
    """Write the chat into the folder, under a name that is not taken, and return the path."""
    chat = store.chat(id)
    messages = store.messages(chat.id)
    content = as_markdown(chat, messages) if kind == "md" else as_json(store, chat, messages)
    path = free_path(folder, _file_name(chat), kind)
    write_atomically(path, content)
    return path


def as_markdown(chat: Chat, messages: list[Message]) -> bytes:
    """A heading for each message; conversations as quotations."""
    parts = [f"# {one_line(chat.title) or 'Chat'}"]
    for message in messages:
        text = message.text.strip()
        if message.kind == "conversation":
            text = "\n".join(f"> {line}  " for line in text.split("\n"))
        parts.append(f"## {_HEADINGS[message.kind]}\n\n{text}")
    return ("\n\n".join(parts) + "\n").encode()


def as_json(store: "Store", chat: Chat, messages: list[Message]) -> bytes:
    """The chat, its messages, and every answer with its prompt, model, settings and seed."""
    completions = [store.completion(id) for message in messages for id in message.completions]
    return msgspec.json.format(msgspec.json.encode({"chat": chat, "messages": messages, "completions": completions}))


def _file_name(chat: Chat) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in chat.title.lower()).split()
    return "-".join(words)[:40].strip("-") or "chat"
