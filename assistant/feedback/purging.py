"""Purging: removes a document's text from every stored prompt, answer and message, and keeps the rest with its ratings.

The text is recognized by runs of its words, ignoring what is between them: prompts quote a passage on one line, cut
conversations differently, and change quotation marks.
"""

import re
import sqlite3
from collections.abc import Iterable, Mapping

import msgspec

from assistant.feedback.database import Database

REMOVED = "[removed]"
ANYWHERE = 12
"""This many consecutive words shared with a removed passage are its text; fewer may be coincidence."""
CITED = 5
"""The same for answers known to have been given that passage."""
_WORD = re.compile(r"\w+")

_SHOWING = "SELECT message FROM shown WHERE completion = ?"
_CHATS = f"SELECT chat FROM messages WHERE id IN ({_SHOWING})"  # noqa: S608 - our own text
_MARKED = """SELECT id, json_extract(body, '$.text') FROM judgements
    WHERE kind = 'mark' AND id IN (SELECT judgement FROM judged WHERE completion = ?)"""


def blank_passages(database: Database, passages: Mapping[str, str]) -> int:
    """Replace the texts of these passages (id to text) by a placeholder wherever they are stored, and return the number
    of answers changed. Prompts and answers keep their ids and ratings.
    """
    if not passages:
        return 0
    anywhere = _runs(passages.values(), ANYWHERE)
    blanked = 0
    with database.writing() as connection:
        rows = connection.execute("SELECT id, prompt, answer, rationale, passage_ids FROM completions").fetchall()
        for row in rows:
            cited = [passages[id] for id in msgspec.json.decode(row["passage_ids"]) if id in passages]
            blanked += _blank_completion(connection, row, _Text(anywhere, cited))
        _blank_unfinished(connection, _Text(anywhere, ()))
    if blanked:
        database.forget_text()
    return blanked


class _Text:
    """Removes the text of passages from the fields of one answer."""

    def __init__(self, anywhere: set[tuple[str, ...]], cited: Iterable[str]) -> None:
        self._anywhere = anywhere
        self._cited = tuple(cited)

    def __call__(self, field: str) -> str:
        """Return the field without the text."""
        words = [(found.group().lower(), found.start(), found.end()) for found in _WORD.finditer(field)]
        covered = _covered(words, self._anywhere, ANYWHERE)
        if self._cited and words:
            # Even an answer of two words counts if the document has them in sequence.
            length = min(CITED, len(words))
            covered |= _covered(words, _runs(self._cited, length), length)
        pieces, kept_to, place = [], 0, 0
        while place < len(words):
            if place not in covered:
                place += 1
                continue
            last = place
            while last + 1 in covered:
                last += 1
            pieces += [field[kept_to : words[place][1]], REMOVED]
            kept_to, place = words[last][2], last + 1
        return "".join([*pieces, field[kept_to:]])


def _blank_completion(connection: sqlite3.Connection, row: sqlite3.Row, blank: _Text) -> bool:
    fields = tuple(row[name] for name in ("prompt", "answer", "rationale"))
    changed = tuple(blank(field) for field in fields)
    if changed == fields:
        return False
    connection.execute(
        "UPDATE completions SET prompt = ?, answer = ?, rationale = ? WHERE id = ?", (*changed, row["id"])
    )
    connection.execute("DELETE FROM digests WHERE completion = ?", (row["id"],))  # has the same text in parts
    for id, text in connection.execute(_MARKED, (row["id"],)).fetchall():
        connection.execute("UPDATE judgements SET body = json_set(body, '$.text', ?) WHERE id = ?", (blank(text), id))
    for table, column, those in (("messages", "text", _SHOWING), ("chats", "title", _CHATS)):
        for id, text in connection.execute(
            f"SELECT id, {column} FROM {table} WHERE id IN ({those})",  # noqa: S608 - names of ours
            (row["id"],),
        ).fetchall():
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (blank(text), id))  # noqa: S608
    return True


def _blank_unfinished(connection: sqlite3.Connection, blank: _Text) -> None:
    for owner, kind, text in connection.execute("SELECT owner, kind, text FROM unfinished").fetchall():
        connection.execute("UPDATE unfinished SET text = ? WHERE owner = ? AND kind = ?", (blank(text), owner, kind))


def _runs(texts: Iterable[str], length: int) -> set[tuple[str, ...]]:
    """Return every run of `length` words; a shorter text has none."""
    found = set()
    for text in texts:
        words = _WORD.findall(text.lower())
        found |= {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}
    return found


def _covered(words: list[tuple[str, int, int]], runs: set[tuple[str, ...]], length: int) -> set[int]:
    """Return the indices of the words in any of the runs."""
    plain = [word for word, _, _ in words]
    return {
        place
        for start in range(len(plain) - length + 1)
        if tuple(plain[start : start + length]) in runs
        for place in range(start, start + length)
    }
