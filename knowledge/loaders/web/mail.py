"""Reads e-mail: single messages (.eml, Maildir) and mailboxes (.mbox). Fetches nothing and opens no attachment."""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import parsedate_to_datetime

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.building import TextBuilder, decode
from knowledge.loaders.web.html import add_html

_SHOWN = ("From", "To", "Date")
_POSTMARK = re.compile(rb"^From [^\n]{0,300}?\d{4}[^\n]{0,100}\r?\n(?=[\w-]+:)", re.MULTILINE)
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)


def load_mail(content: bytes) -> Document:
    """Read a message: sender, date and subject, then its text, and the names of the attachments."""
    message = message_from_bytes(content, policy=policy.default)
    if not message.keys():
        raise DocumentUnreadable("not an e-mail message: it has no header")
    builder = TextBuilder()
    _add(builder, message)
    return builder.document(_header(message, "Subject"))


def load_mailbox(content: bytes) -> Document:
    """Read the messages of an mbox file, in order; each subject is a heading."""
    builder = TextBuilder()
    count = 0
    for count, raw in enumerate(_messages(content), 1):
        message = message_from_bytes(raw, policy=policy.default)
        builder.place(f"message {count}{_day(message)}")
        _add(builder, message)
    if not count:
        raise DocumentUnreadable("not a mailbox: no message begins with a From line")
    return builder.document("Mailbox")


def _messages(content: bytes) -> Iterator[bytes]:
    marks = list(_POSTMARK.finditer(content))
    for number, mark in enumerate(marks):
        end = marks[number + 1].start() if number + 1 < len(marks) else len(content)
        yield _ESCAPED.sub(rb"\1", content[mark.end() : end])


def _day(message: EmailMessage) -> str:
    try:
        return f", {parsedate_to_datetime(_header(message, 'Date')):%Y-%m-%d}"
    except (TypeError, ValueError, OverflowError):
        return ""


def _header(message: EmailMessage, name: str) -> str:
    """Return the value of a header, empty if there is none or Python's parser fails on it."""
    try:
        return str(message[name] or "")
    except (IndexError, ValueError, OverflowError):
        return ""


def _add(builder: TextBuilder, message: EmailMessage) -> None:
    builder.heading(1, _header(message, "Subject") or "(no subject)")
    builder.block("\n".join(f"{name}: {value}" for name in _SHOWN if (value := _header(message, name))))
    body = message.get_body(preferencelist=("plain", "html"))
    if isinstance(body, EmailMessage):
        raw = _payload(body)
        if body.get_content_type() == "text/html":
            add_html(builder, raw)
        else:
            builder.block(_decoded(raw, body.get_content_charset()))
    names = [name for part in message.iter_attachments() if (name := part.get_filename())]
    if names:
        builder.block("Attachments: " + ", ".join(names))


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _decoded(raw: bytes, charset: str | None) -> str:
    try:
        return raw.decode(charset or "utf-8")
    except (LookupError, UnicodeDecodeError):
        return decode(raw)
