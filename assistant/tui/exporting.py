"""A kept chat as a file to pass on: Markdown or a web page to read, JSON to compute with."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from assistant.files import free_path, write_atomically
from assistant.records import Chat, Message
from assistant.terminal import one_line, printable

if TYPE_CHECKING:
    from assistant.feedback.store import Store

Kind = Literal["md", "html", "json"]
_HEADINGS = {"conversation": "Conversation", "answer": "Answer", "user": "You", "notice": "Note"}


def export_chat(store: "Store", id: str, kind: Kind, folder: Path) -> Path:
    """Write the chat into the folder, under a name that is not taken, and return the path."""
    chat = store.chat(id)
    messages = store.messages(chat.id)
    if kind == "json":
        content = as_json(store, chat, messages)
    else:
        content = as_markdown(chat, messages) if kind == "md" else as_html(chat, messages)
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


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
section {{ white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 0 1.5rem; }}
section.conversation {{ border-left: 3px solid #999; padding-left: 1rem; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #15171b; color: #d8dce3; }} }}
</style>
<h1>{title}</h1>
{body}
</html>
"""


def as_html(chat: Chat, messages: list[Message]) -> bytes:
    """A page that needs nothing else and runs nothing: all that anybody said is text in it."""
    parts = [
        f"<h2>{_HEADINGS[message.kind]}</h2>\n"
        f'<section class="{message.kind}">{escape(printable(message.text.strip()))}</section>'
        for message in messages
    ]
    return _PAGE.format(title=escape(one_line(chat.title) or "Chat"), body="\n".join(parts)).encode()


def as_json(store: "Store", chat: Chat, messages: list[Message]) -> bytes:
    """The chat, its messages, and every answer with its prompt, model, settings and seed."""
    completions = [store.completion(id) for message in messages for id in message.completions]
    return msgspec.json.format(msgspec.json.encode({"chat": chat, "messages": messages, "completions": completions}))


def _file_name(chat: Chat) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in chat.title.lower()).split()
    return "-".join(words)[:40].strip("-") or "chat"
