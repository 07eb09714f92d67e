"""Reads conversations in tables: .csv and .tsv with a sender, a text and perhaps a time in each row."""

import csv
import io
from collections import Counter
from collections.abc import Sequence

from assistant.dialogue.readers.exports.values import seconds_of
from assistant.dialogue.readers.messages import MEDIA, Message, reading_of
from assistant.dialogue.stamps import is_moment
from assistant.dialogue.turns import Reading, is_name

_SENDER = frozenset(
    [
        "sender",
        "speaker",
        "author",
        "name",
        "from",
        "user",
        "username",
        "nick",
        "nickname",
        "participant",
        "person",
        "who",
        "absender",
        "von",
        "autor",
        "remitente",
        "expéditeur",
        "auteur",
        "emisor",
        "handle",
        "role",
        "display_name",
        "displayname",
        "sender_name",
        "user_name",
    ]
)
_TEXT = frozenset(
    [
        "text",
        "message",
        "content",
        "body",
        "msg",
        "utterance",
        "comment",
        "transcript",
        "nachricht",
        "inhalt",
        "mensaje",
        "texto",
        "contenu",
        "caption",
        "message_text",
    ]
)
_TIME = frozenset(
    [
        "time",
        "timestamp",
        "date",
        "datetime",
        "sent",
        "sent_at",
        "created_at",
        "created",
        "ts",
        "start",
        "start_time",
        "zeit",
        "datum",
        "fecha",
        "hora",
        "heure",
        "uhrzeit",
        "when",
    ]
)


def read_table(text: str) -> Reading | None:
    """Read a table whose columns are known by their header or else by their contents."""
    rows = _rows(text)
    if rows is None:
        return None
    header = [cell.strip().strip("\ufeff").casefold().replace(" ", "_") for cell in rows[0]]
    sender, said, time = (_column(header, names) for names in (_SENDER, _TEXT, _TIME))
    body = rows[1:]
    if sender is None or said is None:
        if any(cell in _SENDER | _TEXT | _TIME for cell in header):
            return None
        guessed = _guess(rows)
        if guessed is None:
            return None
        time, sender, said = guessed
        body = rows
    messages: list[Message] = []
    left_out: Counter[str] = Counter()
    for row in body:
        cells = [*row, *[""] * (len(header) - len(row))]
        if not cells[said].strip():
            left_out[MEDIA] += 1
            continue
        moment = cells[time] if time is not None else ""
        messages.append(
            Message(speaker=cells[sender] or _unnamed(cells), text=cells[said], time=moment, order=seconds_of(moment))
        )
    return reading_of(messages, left_out, "Table")


def _unnamed(cells: Sequence[str]) -> str:
    """Return the sender of a message without one: iMazing leaves out the owner's name."""
    return "Me" if any(cell.strip().casefold() in ("outgoing", "sent") for cell in cells) else "Unknown"


def _rows(text: str) -> list[list[str]] | None:
    """Return the rows, of at least two columns each; None if the text is no table."""
    first = text.lstrip("\ufeff").split("\n", 1)[0]
    delimiter = max("\t;,|", key=first.count)
    if not first.count(delimiter):
        return None
    try:
        rows = [
            row
            for row in csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=delimiter, strict=True)
            if any(cell.strip(" -:") for cell in row)
        ]
    except csv.Error:
        return None
    width = len(rows[0]) if rows else 0
    if len(rows) < 2 or width < 2 or sum(len(row) == width for row in rows) < 0.9 * len(rows):
        return None
    return rows


def _column(header: Sequence[str], names: frozenset[str]) -> int | None:
    return next((place for place, cell in enumerate(header) if cell in names), None)


def _guess(rows: Sequence[Sequence[str]]) -> tuple[int | None, int, int] | None:
    """Guess the columns of time, sender and text: moments, a few short names that repeat, and the longest texts."""
    columns = list(zip(*(row for row in rows if len(row) == len(rows[0])), strict=True))
    times = [place for place, column in enumerate(columns) if sum(map(is_moment, column)) > 0.8 * len(column)]
    rest = [place for place in range(len(columns)) if place not in times]
    names = [
        place for place in rest if all(map(is_name, columns[place])) and len(set(columns[place])) < len(columns[place])
    ]
    texts = [place for place in rest if place not in names[:1]]
    if not times or not names or not texts:
        return None
    return times[0], names[0], max(texts, key=lambda place: sum(map(len, columns[place])))
