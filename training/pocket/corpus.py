"""Reads the rows for training pocket: dialogues with summaries, instructions with answers, and plain texts."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from assistant.errors import DataMissing, UsageError
from assistant.prompts import hide, show_turns
from training.runs.data.conversations import conversation_key
from training.runs.data.datasets import read_rows

Row = dict[str, Any]
SUMMARY, INSTRUCTION, TEXT = ("dialogue", "summary"), ("input", "target"), ("text",)
"""The kinds of rows, as the fields they need. A row is of the first kind whose fields it has."""

TAGS = ("#Person1#", "#Person2#", "#Person3#")
"""Tags for speakers, because the assistant replaces names for this model."""
_HELD_OUT = 100


def read_corpus(data: Sequence[Path], dev: Path | None) -> tuple[list[Row], list[Row]]:
    """Read the training rows and the held-out dialogues. The latter come from `dev` or, without it, are every twentieth
    dialogue, at most a hundred.

    Raises UsageError if a row is of no kind, and DataMissing if there are no dialogues with summaries.
    """
    rows = [row for path in data for row in read_file(path)]
    if dev:
        held_out = [row for row in read_file(dev) if kind_of(row) == SUMMARY]
        if not held_out:
            raise DataMissing(f"{dev} has no dialogues with summaries")
        return rows, held_out
    summaries = [row for row in rows if kind_of(row) == SUMMARY]
    if len(summaries) < 2:
        raise DataMissing("pocket needs at least two dialogues with summaries: one to train on, one to hold out")
    held_out = summaries[1::20][:_HELD_OUT]
    said = {conversation_key(row["dialogue"]) for row in held_out}
    return [row for row in rows if conversation_key(row.get("dialogue") or "") not in said], held_out


def kind_of(row: Row) -> tuple[str, ...] | None:
    """Return SUMMARY, INSTRUCTION or TEXT, or None for a row without the fields of any, or with empty ones."""
    for kind in (SUMMARY, INSTRUCTION, TEXT):
        if all(isinstance(row.get(field), str) and row[field].strip() for field in kind):
            return kind
    return None


def of_kind(rows: Sequence[Row], kind: tuple[str, ...]) -> list[Row]:
    """Return the rows of one kind, in order."""
    return [row for row in rows if kind_of(row) == kind]


def read_file(path: Path) -> Iterator[Row]:
    """Yield the rows of a file, with tags for speakers. Raises UsageError if a row is of no kind, and DataMissing if
    there are no rows.
    """
    empty = True
    for number, row in enumerate(read_rows(path), start=1):
        kind = kind_of(row)
        if kind is None:
            raise UsageError(
                f'{path}, row {number}: needs "dialogue" and "summary", or "input" and "target", or "text", not empty'
            )
        empty = False
        yield _tagged(row, kind)
    if empty:
        raise DataMissing(f"{path} has no rows")


def _tagged(row: Row, kind: tuple[str, ...]) -> Row:
    """Replace the row's speakers by tags, in order of speaking, as in serving."""
    field = kind[0]
    if kind == INSTRUCTION:
        return row
    shown = show_turns(row[field], TAGS)
    about = {name: hide(row[name], shown.names) for name in ("summary", "topic") if isinstance(row.get(name), str)}
    return row | {field: shown.text} | about
