"""Reads e-mail threads as text: header blocks in a dozen languages, and replies with quotations. Oldest first."""

import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from assistant.dialogue.readers.messages import QUOTED, SIGNATURES
from assistant.dialogue.stamps import moment_pattern
from assistant.dialogue.turns import Reading, fold, make_turn

_HEADERS = {
    "from": (
        "From|Von|De|Da|Van|Från|Fra|Lähettäjä|Od|От|Відправник|Kimden|Gönderen|Expéditeur|Remitente|"
        "Mittente|差出人|送信者|发件人|寄件者|보낸 사람|من|מאת|Από|Feladó"
    ),
    "sent": (
        "Sent|Gesendet|Envoyé|Enviado(?: el)?|Enviada(?: em)?|Inviato|Verzonden|Skickat|Sendt|Lähetetty|"
        "Wysłano|Odesláno|Отправлено|Gönderildi|送信日時|发送时间|傳送日期|보낸 날짜|Elküldve|Στάλθηκε"
    ),
    "date": "Date|Datum|Fecha|Data|Dato|Päivämäärä|Дата|Tarih|日付|日期|날짜|التاريخ|תאריך|Dátum",
    "to": (
        "To|An|À|A|Para|Aan|Till|Til|Vastaanottaja|Do|Komu|Кому|Kime|Destinataire|Destinatario|宛先|收件人|"
        "收件者|받는 사람|إلى|אל|Προς|Címzett"
    ),
    "cc": "Cc|Bcc|Kopie|Copie|Kopia|Kopio|DW|Копия|Bilgi|参照|抄送|참조|CC|نسخة|עותק|Κοιν",
    "subject": (
        "Subject|Betreff|Objet|Asunto|Assunto|Oggetto|Onderwerp|Ämne|Emne|Aihe|Temat|Předmět|Тема|Konu|"
        "件名|主题|主旨|제목|الموضوع|נושא|Θέμα|Tárgy"
    ),
    "other": (
        "Type|Received|Reaction|Conversation|Quote|Attachment|Edited|Reply-To|Antwort an|Importance|"
        "Wichtigkeit|Priorität|Importance|Attachments|Anlagen|Anhänge|Pièces jointes|Datos adjuntos"
    ),
}
"""Names of the headers in quoted mails, in the languages of mail programs."""
_FIELD = re.compile(
    r"\*{0,2}(?:"
    + "|".join(f"(?P<{kind}>{words})" for kind, words in _HEADERS.items())
    + r")\s?\*{0,2}\s?[:：]\*{0,2}\s*(?P<value>.*)",
    re.IGNORECASE,
)
_ATTRIBUTION = re.compile(
    r"(?P<english>.{1,250}?)\swrote:|(?P<german>Am .{1,250}?\sschrieb .{1,100}?):"
    r"|(?P<french>Le .{1,250}?)\sa écrit\s?:|(?P<spanish>El .{1,250}?)\sescribió:"
    r"|(?P<other>.{1,250}?\s(?:ha scritto|escreveu|schreef|skrev|kirjoitti|napisał\(?a?\)?|"
    r"napsal\(?a?\)?|написал\(?а?\)?|пише|yazdı|írta|έγραψε|a scris))\s?[:：]"
    r"|(?P<addressed>.{0,200}?[<(（][\w.+-]+@[\w.-]+[>)）].{0,12}?)[:：]",
    re.DOTALL,
)
_VERB = re.compile(
    r"\s(?:ha scritto|escreveu|schreef|skrev|kirjoitti|napisał\S*|napsal\S*|написал\S*|пише|yazdı|írta|έγραψε|a scris)$"
)
# Known zones only: any capitals would take "Ben" in "5:40 PM Ben Okafor" for a zone.
_ZONE = r"\(?(?:(?:UTC|GMT)?[+-]\d{1,2}:?\d{0,2}|UTC|GMT|BST|IST|JST|KST|MSK|SAST|A[CEW][SD]T|[CEW]ES?T|[CEMP][SD]T)\)?"
_BEFORE_NAME = re.compile(
    rf".*(?:\d{{1,2}}[:.]\d{{2}}(?:[:.]\d{{2}})?\s?(?:[AaPp]\.?[Mm]\.?)?(?:\s?Uhr)?(?:\s{_ZONE}(?=[,\s]))?|\d{{4}})"
    r"(?:,|\s)\s*(?:schrieb\s)?"
)
_ADDRESS = re.compile(r"[<\[(]?\s*(?:mailto:)?([\w.+-]+)@[\w.-]+\s*[>\])]?")
_IDENTITY = re.compile(r"\s\([0-9a-f-]{20,}\)$")
_RULE = re.compile(
    (
        r"-{2,}\s?(?:Original Message|Forwarded message|Ursprüngliche Nachricht|Weitergeleitete Nachricht|"
        r"Mensaje original|Message d'origine|Messaggio originale|Mensagem original|Oorspronkelijk bericht|"
        r"原始邮件|Original-Nachricht|[^-\n]{4,40})\s?-{2,}|_{8,}|-{8,}"
    ),
    re.IGNORECASE,
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
    """A run of lines by one sender. `depth` is the number of quotation marks before them."""

    sender: str
    time: str
    depth: int
    lines: list[str]


def read_mail(text: str) -> Reading | None:
    """Read mails with `From:` headers, or replies with `On … wrote:` above lines quoted with `>`."""
    if ">" not in text and not any(
        _FIELD.match(line) for line in text.split("\n") if len(line) < 300 and (":" in line[:40] or "：" in line[:40])
    ):
        return None  # True of most texts; checking each line would be slow.
    lines = _join_attributions([_unquote(line) for line in text.split("\n")])
    if not _is_thread(lines):
        return None
    mails, unsaid = _split_mails(lines)
    kept, repeated = _without_repeats(mails)
    turns = [
        turn
        for mail in _oldest_first(kept, lines)
        if (turn := make_turn(mail.sender, "\n".join(mail.lines), mail.time))
    ]
    kinds = {kind: count for kind, count in ((SIGNATURES, unsaid), (QUOTED, repeated)) if count}
    return Reading(turns=tuple(turns), left_out=sum(kinds.values()), kinds=kinds, label="E-mail")


def _without_repeats(mails: list[_Mail]) -> tuple[list[_Mail], int]:
    """Drop quotations of mails that are in the thread themselves, and count their lines. A quotation found nowhere
    else, by an unknown sender, stays in the mail that quotes it.
    """
    own = {
        fold(line).casefold()
        for mail in mails
        if mail.sender != _UNKNOWN_SENDER and not mail.depth
        for line in mail.lines
        if line
    }
    whole = " ".join(sorted(own))
    kept: list[_Mail] = []
    repeated = 0
    for mail in mails:
        if mail.sender != _UNKNOWN_SENDER and not mail.depth:
            kept.append(mail)
            continue
        fresh = [
            line
            for line in mail.lines
            if line and fold(line).casefold() not in own and fold(line).casefold() not in whole
        ]
        repeated += sum(bool(line) for line in mail.lines) - len(fresh)
        if not any(fresh):
            continue
        if (mail.sender == _UNKNOWN_SENDER and kept) or (
            kept and kept[-1].sender == mail.sender and kept[-1].depth == mail.depth
        ):
            kept[-1] = kept[-1]._replace(lines=[*kept[-1].lines, *fresh])
        else:
            kept.append(mail._replace(lines=fresh))
    return _joined_again(kept), repeated


def _joined_again(mails: list[_Mail]) -> list[_Mail]:
    """Join the parts of a mail that a quotation had separated."""
    joined: list[_Mail] = []
    for mail in mails:
        before = joined[-1] if joined else None
        if before and before.sender == mail.sender and before.depth == mail.depth and before.time == mail.time:
            joined[-1] = before._replace(lines=[*before.lines, *mail.lines])
        else:
            joined.append(mail)
    return joined


def _unquote(line: str) -> _Line:
    rest = line.lstrip("> \t")
    return _Line(line.count(">", 0, len(line) - len(rest)), rest.strip())


def _join_attributions(lines: list[_Line]) -> list[_Line]:
    """Rejoin "On … wrote:" lines that the mail program wrapped."""
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
    """Whether there is a header block, or an attribution followed by a quotation."""
    for number, line in enumerate(lines):
        if _starts_headers(lines, number):
            return True
        following = next((later for later in lines[number + 1 : number + 4] if later.text), None)
        if following and following.depth > line.depth and _sender_quoted(line):
            return True
    return False


def _starts_headers(lines: list[_Line], number: int) -> bool:
    """Whether a header block starts here: a `From:` followed by another header."""
    field = _field(lines[number].text)
    if not field or field[0] != "from":
        return False
    following = [other[0] for line in lines[number + 1 : number + 5] if (other := _field(line.text))]
    return any(kind in ("sent", "date", "to", "subject") for kind in following[:2]) and "from" not in following[:1]


def _split_mails(lines: list[_Line]) -> tuple[list[_Mail], int]:
    """Return the runs of text in order, and the number of dropped lines: signatures and mail programs' additions."""
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
                # Text above the first block answers that mail, so it is from its recipient.
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
    elif line.text and (mails or not _field(line.text)):
        sender, time = senders.get(line.depth, (_UNKNOWN_SENDER, ""))
        mails.append(_Mail(sender, time, line.depth, [line.text]))


def _field(line: str) -> tuple[str, str] | None:
    """Return the kind of header and its value."""
    match = _FIELD.match(line) if len(line) < 2000 else None
    return (next(kind for kind in _HEADERS if match[kind]), match["value"]) if match else None


def _read_headers(lines: list[_Line], number: int) -> tuple[int, str, str, str]:
    """Return the line number after a header block, its sender, its recipient if there is just one, and its date."""
    fields: dict[str, str] = {}
    while number < len(lines) and (field := _field(lines[number].text)):
        fields.setdefault(*field)
        number += 1
    to = fields.get("to", "")
    recipient = _name(to) if to and not re.search("[,;]", to) else ""
    return number, _name(fields["from"]), recipient, fields.get("date") or fields.get("sent") or ""


def _sender_quoted(line: _Line) -> str:
    """Return the sender that an attribution names, empty if the line is none."""
    if len(line.text) > _LONGEST_SENDER or not (found := _ATTRIBUTION.fullmatch(line.text)):
        return ""
    text = next(group for group in found.groups() if group)
    text = _VERB.sub("", text)
    if _FIELD.match(text):
        return ""
    if found["other"] or found["addressed"]:
        return _name(_MOMENTS.sub("", text).strip(" ,.:-–—"))
    if not text.startswith(("On ", "Am ", "Le ", "El ")):
        return _name(text) if _ADDRESS.search(text) else ""
    return _name(_BEFORE_NAME.sub("", text, count=1) if re.search(r"\d", text) else text[3:])


def _moments() -> re.Pattern[str]:
    """Return a pattern of a date, a time or both, at any position."""
    moment = moment_pattern()
    return re.compile(
        (
            rf"(?:(?:Il|Em|Op|Den|W dniu|Dne|På|Le|On|Am|El)\s)?(?:giorno\s)?{moment}|\(?\w{{2,12}}[.,"
            rf"]\s\d{{1,2}}\.?\s\w+\.?\s\d{{4}}"
        ),
        re.IGNORECASE,
    )


_MOMENTS = _moments()


def _seconds(date: str) -> float | None:
    """Return a header's date in seconds if it follows RFC 5322, else None."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, IndexError):
        return None


def _name(sender: str) -> str:
    """ "Ana Lima <ana@example.org>" -> "Ana Lima"; a bare address gives the part before its @."""
    sender = sender[:_LONGEST_SENDER]  # The address pattern is slow on long words.
    name = _IDENTITY.sub("", fold(_ADDRESS.sub("", sender))).strip("\"', ")
    address = _ADDRESS.search(sender)
    return name or (address[1] if address else _UNKNOWN_SENDER)


def _oldest_first(mails: list[_Mail], lines: list[_Line]) -> Iterator[_Mail]:
    """Return the mails in the order in which they were written.

    An answer above a quotation is newer than it; answers between quotations are already in order. Header blocks run
    from new to old if a program quotes with them ("Sent:", or text before the first block).
    """
    moments = [_seconds(mail.time) for mail in mails]
    if len(mails) > 1 and all(moment is not None for moment in moments):
        return iter(sorted(mails, key=lambda mail: _seconds(mail.time) or 0.0))
    quoting = any(mail.depth for mail in mails)
    if quoting:
        newest_first = mails[-1].depth > 0
    else:
        newest_first = any((field := _field(line.text)) is not None and field[0] == "sent" for line in lines)
        opening = next(number for number, line in enumerate(lines) if line.text)
        newest_first = newest_first or not _starts_headers(lines, opening)
    return reversed(mails) if newest_first else iter(mails)
