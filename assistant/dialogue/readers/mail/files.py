"""Reads mail files, .eml, .mbox and Maildir, decoded by the standard library."""

import email
import email.policy
import mailbox
import re
import tempfile
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path

from assistant.dialogue.readers.mail.thread import read_mail
from assistant.dialogue.readers.messages import QUOTED, SIGNATURES, Message, reading_of
from assistant.dialogue.turns import Reading

_FIELD = re.compile(rb"[!-9;-~]+:")
_TELLING = frozenset(
    (b"mime-version", b"message-id", b"received", b"return-path", b"content-type", b"delivered-to", b"dkim-signature")
)
"""Headers that mail programs write and people don't; one of them must be present."""
_MBOX = re.compile(rb"\A(?:>?From )\S+ +\w{3} +\w{3} +\d{1,2} +\d\d:\d\d")
_SIGNATURE = re.compile(r"^-- ?$", re.MULTILINE)
_ATTRIBUTION = re.compile(
    r"^.{0,200}(?:wrote|schrieb|a écrit|escribió|ha scritto|escreveu|写道|skrev|schreef)\s?[:：]\s*$", re.MULTILINE
)


def read_mail_file(content: bytes) -> Reading | None:
    """Read the messages of an .mbox by date, or an .eml with its quotations; None for anything else."""
    if _MBOX.match(content):
        return _read_mbox(content)
    if _is_message(content[:20_000]):
        return _read_message(email.message_from_bytes(content, policy=email.policy.default))
    return None


def _is_message(head: bytes) -> bool:
    """Whether the bytes start with mail headers: fields, perhaps folded, up to an empty line."""
    names: set[bytes] = set()
    for line in head.splitlines():
        if not line:
            break
        if line[:1] in b" \t" and names:
            continue
        match = _FIELD.match(line)
        if not match:
            return False
        names.add(match.group()[:-1].lower())
    return len(names) > 1 and not names.isdisjoint(_TELLING)


def _read_message(message: EmailMessage) -> Reading | None:
    body, left_out = _own_words(_body(message), keep_quoted=True)
    sender, time = _sender(message), str(message.get("Date", ""))
    thread = read_mail(body) if ">" in body or "\n" in body else None
    if thread is None or len(thread.turns) < 2:
        return reading_of([Message(speaker=sender, text=body, time=time)], left_out, "E-mail")
    said = [
        Message(speaker=sender if turn.speaker == "Sender" else turn.speaker, text=turn.text, time=turn.time)
        for turn in thread.turns
    ]
    return reading_of(said, {**left_out, **thread.kinds}, "E-mail")


def _read_mbox(content: bytes) -> Reading | None:
    with tempfile.NamedTemporaryFile(suffix=".mbox") as stream:
        stream.write(content)
        stream.flush()
        box = mailbox.mbox(stream.name, factory=None, create=False)
        try:
            found = [
                email.message_from_bytes(box.get_bytes(key), policy=email.policy.default) for key in box.iterkeys()
            ]
        finally:
            box.close()
    messages: list[Message] = []
    quoted = signatures = 0
    for message in found:
        body, left_out = _own_words(_body(message), keep_quoted=False)
        quoted += left_out.get(QUOTED, 0)
        signatures += left_out.get(SIGNATURES, 0)
        messages.append(
            Message(speaker=_sender(message), text=body, time=str(message.get("Date", "")), order=_seconds(message))
        )
    return reading_of(messages, {QUOTED: quoted, SIGNATURES: signatures}, "E-mail")


def _body(message: EmailMessage) -> str:
    """Return the text part, else the HTML part as text."""
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    try:
        text = str(part.get_content())
    except (LookupError, UnicodeError, KeyError):
        payload = part.get_payload(decode=True)
        text = payload.decode("utf-8", errors="replace") if isinstance(payload, bytes) else ""
    if part.get_content_subtype() == "html":
        from bs4 import BeautifulSoup

        soup = BeautifulSoup(text, "lxml")
        for quote in soup.find_all("blockquote"):
            quote.decompose()
        return soup.get_text("\n")
    return text.replace("\r\n", "\n")


def _own_words(body: str, *, keep_quoted: bool) -> tuple[str, dict[str, int]]:
    """Drop the signature from a body, and also quotations unless `keep_quoted`: in a mailbox the quoted mails are there
    too. Return the text and the number of dropped lines by kind.
    """
    match = _SIGNATURE.search(body)
    signature = len([line for line in body[match.start() :].split("\n") if line.strip()]) if match else 0
    body = body[: match.start()] if match and ">" not in body[match.end() :] else body
    if keep_quoted:
        return body, {SIGNATURES: signature}
    lines = body.split("\n")
    kept = [line for line in lines if not line.startswith(">")]
    text = _ATTRIBUTION.sub("", "\n".join(kept))
    return text, {QUOTED: len(lines) - len(kept), SIGNATURES: signature}


def _sender(message: EmailMessage) -> str:
    name, address = parseaddr(str(message.get("From", "")))
    return name or address.partition("@")[0] or "Sender"


def _seconds(message: EmailMessage) -> float | None:
    try:
        return parsedate_to_datetime(str(message["Date"])).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def is_mail_folder(path: Path) -> bool:
    """Whether a folder is a Maildir."""
    return all((path / part).is_dir() for part in ("cur", "new"))


def read_mail_folder(path: Path) -> Reading | None:
    """Read the messages of a Maildir by date."""
    files = [file for part in ("cur", "new") for file in sorted((path / part).iterdir()) if file.is_file()]
    messages = []
    for file in files:
        message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        body, _ = _own_words(_body(message), keep_quoted=False)
        messages.append(
            Message(speaker=_sender(message), text=body, time=str(message.get("Date", "")), order=_seconds(message))
        )
    return reading_of(messages, {}, "E-mail")
