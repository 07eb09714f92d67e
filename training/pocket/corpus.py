"""Reads files into the rows that pocket is trained on: dialogues with summaries, instructions with answers, plain
texts.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from assistant.errors import DataMissing, UsageError
from assistant.prompts import hide, show_turns
from training.runs.data.conversations import conversation_key
from training.runs.data.datasets import read_rows

Row = dict[str, Any]
SUMMARY, INSTRUCTION, TEXT = ("dialogue", "summary"), ("input", "target"), ("text",)
"""The fields that make a row what it is; the first kind whose fields it has counts."""

TAGS = ("#Person1#", "#Person2#", "#Person3#")
"""What speakers become: the assistant shows this model no names."""
_HELD_OUT = 100


def read_corpus(data: Sequence[Path], dev: Path | None) -> tuple[list[Row], list[Row]]:
    """The rows to train on, and the dialogues held out: the `dev` file, else every twentieth, a hundred at most.

    Raises UsageError where a row is of no kind, DataMissing where there are no dialogues with summaries.
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
    """SUMMARY, INSTRUCTION or TEXT; None for a row that lacks the fields of each, or has them empty."""
    for kind in (SUMMARY, INSTRUCTION, TEXT):
        if all(isinstance(row.get(field), str) and row[field].strip() for field in kind):
            return kind
    return None


def of_kind(rows: Sequence[Row], kind: tuple[str, ...]) -> list[Row]:
    """The rows of one kind, in their order."""
    return [row for row in rows if kind_of(row) == kind]


def read_file(path: Path) -> Iterator[Row]:
    """The rows of one file, speakers as tags. Raises UsageError for a row of no kind, DataMissing for no rows."""
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
    """The row with its speakers as tags, in order of speaking, as they are shown when the model serves."""
    field = kind[0]
    if kind == INSTRUCTION:
        return row
    shown = show_turns(row[field], TAGS)
    about = {name: hide(row[name], shown.names) for name in ("summary", "topic") if isinstance(row.get(name), str)}
    return row | {field: shown.text} | about
