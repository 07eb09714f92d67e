"""Export a stored chat: Markdown or HTML to read, JSON to process."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from assistant.files import free_path, write_atomically
from assistant.records import Chat, Message
from assistant.terminal import one_line, printable
from assistant.tui.workers.asking import marks_among

if TYPE_CHECKING:
    from assistant.feedback.store import Store

Kind = Literal["md", "html", "json"]
Marked = dict[str, list[str]]
"""Lines about the marked parts of a message, by the message's id."""
_HEADINGS = {"conversation": "Conversation", "answer": "Answer", "user": "You", "notice": "Note"}


def export_chat(store: "Store", id: str, kind: Kind, folder: Path) -> Path:
    """Write the chat to a new file in the folder, and return its path."""
    chat = store.chats.get(id)
    messages = store.chats.messages(chat.id)
    if kind == "json":
        content = as_json(store, chat, messages)
    else:
        marked = {message.id: list(marked_lines(store, message)) for message in messages}
        content = as_markdown(chat, messages, marked) if kind == "md" else as_html(chat, messages, marked)
    path = free_path(folder, _file_name(chat), kind)
    write_atomically(path, content)
    return path


def marked_lines(store: "Store", message: Message) -> Iterator[str]:
    """Yield the marks on the parts of a digest, in their order: "Kept: …", "Dropped: …", "Put right: …"."""
    from assistant.feedback.marks import SAYINGS  # like everything about digests, not needed to draw a screen
    from assistant.overview import kept_digest
    from assistant.tui.digests.items import marked_parts

    for id in message.completions:
        for says, line in marked_parts(kept_digest(store, id), marks_among(store.judgements.of_completion(id))):
            yield f"{SAYINGS[says].capitalize()}: {one_line(line)}"


def as_markdown(chat: Chat, messages: list[Message], marked: Marked) -> bytes:
    """The chat as Markdown: a heading for each message, conversations as quotations, marks as lists."""
    parts = [f"# {one_line(chat.title) or 'Chat'}"]
    for message in messages:
        text = message.text.strip()
        if message.kind == "conversation":
            text = "\n".join(f"> {line}  " for line in text.split("\n"))
        parts.append(f"## {_HEADINGS[message.kind]}\n\n{text}")
        parts += ["\n".join(f"- {line}" for line in lines)] if (lines := marked.get(message.id)) else []
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


def as_html(chat: Chat, messages: list[Message], marked: Marked) -> bytes:
    """The chat as a self-contained page without scripts; all messages are escaped."""
    parts = [
        f"<h2>{_HEADINGS[message.kind]}</h2>\n"
        f'<section class="{message.kind}">{escape(printable(message.text.strip()))}</section>'
        + _list(marked.get(message.id))
        for message in messages
    ]
    return _PAGE.format(title=escape(one_line(chat.title) or "Chat"), body="\n".join(parts)).encode()


def _list(lines: list[str] | None) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines or ())
    return f"\n<ul>{items}</ul>" if items else ""


def as_json(store: "Store", chat: Chat, messages: list[Message]) -> bytes:
    """The chat as JSON: its messages, and every answer with its prompt, model, settings and seed."""
    completions = [store.completions.get(id) for message in messages for id in message.completions]
    return msgspec.json.format(msgspec.json.encode({"chat": chat, "messages": messages, "completions": completions}))


def _file_name(chat: Chat) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in chat.title.lower()).split()
    return "-".join(words)[:40].strip("-") or "chat"
