"""Reads e-mail threads: blocks of headers, and replies that quote. The oldest mail comes first, as it was said."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from assistant.dialogue.turns import Reading, fold, make_turn
from assistant.records import Turn

_FIELD = re.compile(r"\*{0,2}(From|Sent|Date|To|Cc|Bcc|Subject|Reply-To)\*{0,2}:\*{0,2}\s*(.*)", re.IGNORECASE)
_ATTRIBUTION = re.compile(
    r"(?P<english>.{1,250}?)\swrote:|(?P<german>Am .{1,250}?\sschrieb .{1,100}?):"
    r"|(?P<french>Le .{1,250}?)\sa écrit\s?:|(?P<spanish>El .{1,250}?)\sescribió:"
)
# Zones by name: any capitals would take "5:40 PM Ben Okafor" for a time in the zone of Ben.
_ZONE = r"\(?(?:(?:UTC|GMT)?[+-]\d{1,2}:?\d{0,2}|UTC|GMT|BST|IST|JST|KST|MSK|SAST|A[CEW][SD]T|[CEW]ES?T|[CEMP][SD]T)\)?"
_BEFORE_NAME = re.compile(
    rf".*(?:\d{{1,2}}[:.]\d{{2}}(?:[:.]\d{{2}})?\s?(?:[AaPp]\.?[Mm]\.?)?(?:\s?Uhr)?(?:\s{_ZONE}(?=[,\s]))?|\d{{4}})"
    r"(?:,|\s)\s*(?:schrieb\s)?"
)
_ADDRESS = re.compile(r"[<\[(]?\s*(?:mailto:)?([\w.+-]+)@[\w.-]+\s*[>\])]?")
_RULE = re.compile(
    r"-{2,}\s?(?:Original Message|Forwarded message|Ursprüngliche Nachricht)\s?-{2,}|_{8,}", re.IGNORECASE
)
_SIGNATURE = re.compile(r"--\s?")
_UNSAID = re.compile(
    r"(?:Sent from my|Get Outlook for|Von meinem .{1,30} gesendet).*|\[?(?:cid|image):.{1,80}", re.IGNORECASE
)
_UNKNOWN_SENDER = "Sender"
_LONGEST_SENDER = 400


class _Line(NamedTuple):
    depth: int
    text: str


class _Mail(NamedTuple):
    """A stretch of text by one sender. `depth` counts the quotation marks before its lines."""

    sender: str
    time: str
    depth: int
    lines: list[str]


def read_mail(text: str) -> Reading | None:
    """Mails with `From:` headers, or replies over `On … wrote:` and lines quoted with `>`."""
    if ">" not in text and "from:" not in text.lower():
        return None  # Most texts, and going through their lines takes time.
    lines = _join_attributions([_unquote(line) for line in text.split("\n")])
    if not _is_thread(lines):
        return None
    mails, left_out = _split_mails(lines)
    turns: list[Turn] = []
    for mail in _oldest_first(mails, lines):
        turn = make_turn(mail.sender, "\n".join(mail.lines), mail.time)
        turns += [turn] if turn else []
    return Reading(turns=tuple(turns), left_out=left_out)


def _unquote(line: str) -> _Line:
    rest = line.lstrip("> \t")
    return _Line(line.count(">", 0, len(line) - len(rest)), rest.strip())


def _join_attributions(lines: list[_Line]) -> list[_Line]:
    """Put "On … wrote:" back on one line where the mail program broke it."""
    joined: list[_Line] = []
    for line in lines:
        before = joined[-1] if joined else None
        broken = before and before.depth == line.depth and re.match(r"(?:On|Am|Le|El)\s.*\d", before.text)
        if before and broken and not _sender_quoted(before) and len(line.text) < 150 and _ends_attribution(line.text):
            joined[-1] = _Line(line.depth, f"{before.text} {line.text}")
        else:
            joined.append(line)
    return joined


def _ends_attribution(text: str) -> bool:
    return text.endswith(("wrote:", "a écrit :", "a écrit:", "escribió:")) or bool(re.search(r"schrieb.*:$", text))


def _is_thread(lines: list[_Line]) -> bool:
    """Whether there is a block of headers, or an attribution with a quotation right behind it."""
    for number, line in enumerate(lines):
        if _starts_headers(lines, number):
            return True
        following = next((later for later in lines[number + 1 : number + 4] if later.text), None)
        if following and following.depth > line.depth and _sender_quoted(line):
            return True
    return False


def _starts_headers(lines: list[_Line], number: int) -> bool:
    """Whether a `From:` stands here with another header right behind it."""
    field = _FIELD.match(lines[number].text)
    if not field or field[1].lower() != "from":
        return False
    return any(
        (other := _FIELD.match(line.text)) is not None and other[1].lower() != "from"
        for line in lines[number + 1 : number + 3]
    )


def _split_mails(lines: list[_Line]) -> tuple[list[_Mail], int]:
    """The stretches of text in the order of the page, and how many lines nobody wrote."""
    senders: dict[int, tuple[str, str]] = {}
    mails: list[_Mail] = []
    left_out = skip_to = 0
    in_signature = False
    for number, line in enumerate(lines):
        if number < skip_to:
            continue
        if _starts_headers(lines, number):
            skip_to, sender, recipient, time = _read_headers(lines, number)
            if recipient and all(mail.sender == _UNKNOWN_SENDER for mail in mails):
                # Text above the first block answers it, so it is from the person whom that mail went to.
                mails = [mail._replace(sender=recipient) for mail in mails]
            senders[line.depth] = (sender, time)
            mails.append(_Mail(sender, time, line.depth, []))
            in_signature = False
        elif sender := _sender_quoted(line):
            senders[line.depth + 1] = (sender, "")
            in_signature = False
        elif _SIGNATURE.fullmatch(line.text) or (in_signature and mails and mails[-1].depth == line.depth):
            in_signature = True
            left_out += bool(line.text)
        elif _UNSAID.fullmatch(line.text) or _RULE.fullmatch(line.text):
            left_out += bool(_UNSAID.fullmatch(line.text))
        else:
            in_signature = False
            _append(mails, line, senders)
    return mails, left_out


def _append(mails: list[_Mail], line: _Line, senders: dict[int, tuple[str, str]]) -> None:
    if mails and (mails[-1].depth == line.depth or not line.text):
        mails[-1].lines.append(line.text)
    elif line.text:
        sender, time = senders.get(line.depth, (_UNKNOWN_SENDER, ""))
        mails.append(_Mail(sender, time, line.depth, [line.text]))


def _read_headers(lines: list[_Line], number: int) -> tuple[int, str, str, str]:
    """The line behind a block of headers; its sender, its recipient if there is but one, and its date."""
    fields: dict[str, str] = {}
    while number < len(lines) and (field := _FIELD.match(lines[number].text)):
        fields.setdefault(field[1].lower(), field[2])
        number += 1
    to = fields.get("to", "")
    recipient = _name(to) if to and not re.search("[,;]", to) else ""
    return number, _name(fields["from"]), recipient, fields.get("date") or fields.get("sent") or ""


def _sender_quoted(line: _Line) -> str:
    """Whose text an attribution announces, empty where the line is none."""
    if len(line.text) > _LONGEST_SENDER or not (found := _ATTRIBUTION.fullmatch(line.text)):
        return ""
    text = next(group for group in found.groups() if group)
    if not text.startswith(("On ", "Am ", "Le ", "El ")):
        return _name(text) if _ADDRESS.search(text) else ""
    return _name(_BEFORE_NAME.sub("", text, count=1) if re.search(r"\d", text) else text[3:])


def _name(sender: str) -> str:
    """ "Ana Lima <ana@example.org>" -> "Ana Lima"; an address alone gives what stands before its @."""
    sender = sender[:_LONGEST_SENDER]  # The pattern of an address is slow on a long word.
    name = fold(_ADDRESS.sub("", sender)).strip("\"', ")
    address = _ADDRESS.search(sender)
    return name or (address[1] if address else _UNKNOWN_SENDER)


def _oldest_first(mails: list[_Mail], lines: list[_Line]) -> Iterator[_Mail]:
    """The mails as they were written one after the other.

    An answer above what it quotes is younger; an answer between quotations already stands in order. Blocks of headers
    run from new to old where a program quotes by them ("Sent:", or text before the first block).
    """
    quoting = any(mail.depth for mail in mails)
    if quoting:
        newest_first = mails[-1].depth > 0
    else:
        newest_first = any(line.text.lower().startswith(("sent:", "*sent:", "**sent:")) for line in lines)
        opening = next(number for number, line in enumerate(lines) if line.text)
        newest_first = newest_first or not _starts_headers(lines, opening)
    return reversed(mails) if newest_first else iter(mails)
