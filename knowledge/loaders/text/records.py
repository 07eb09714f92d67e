"""Reads CSV and JSON: each value gets the name of its column or its path, so that a question in words matches it."""

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.building import TextBuilder, decode
from knowledge.loaders.rows import add_table, is_figure

_LONGEST_ROW = 600
_SEPARATOR = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)


def load_csv(content: bytes) -> Document:
    """Read CSV separated by commas, semicolons, tabs or bars; the first row names the columns unless it contains
    numbers.
    """
    rows = list(_csv_rows(decode(content)))
    head = next((row for row in rows if any(map(str.strip, row))), [])
    builder = TextBuilder()
    add_table(builder, rows, has_header=None if any(is_figure(cell.strip()) for cell in head) else True)
    return builder.document()


def load_json(content: bytes) -> Document:
    """Read one JSON value: each leaf is a line with its path, each item of an outer list a row or paragraph."""
    builder = TextBuilder()
    try:
        value = json.loads(decode(content))
        if isinstance(value, list):
            for number, record in enumerate(value, 1):
                _add_record(builder, record, f"record {number}")
        else:
            builder.block("\n".join(_leaves(value)))
    except json.JSONDecodeError as error:
        raise DocumentUnreadable(f"damaged: not JSON (line {error.lineno})") from error
    except RecursionError as error:
        raise DocumentUnreadable("nested too deeply") from error
    return builder.document()


def load_json_lines(content: bytes) -> Document:
    """Read one JSON value per line, each a row or paragraph."""
    builder = TextBuilder()
    for number, line in enumerate(decode(content).splitlines(), 1):
        if not line.strip():
            continue
        try:
            _add_record(builder, json.loads(line), f"line {number}")
        except json.JSONDecodeError as error:
            raise DocumentUnreadable(f"damaged: line {number} is not JSON") from error
        except RecursionError as error:
            raise DocumentUnreadable("nested too deeply") from error
    return builder.document()


def _csv_rows(text: str) -> Iterator[list[str]]:
    try:
        if found := _SEPARATOR.match(text):
            yield from csv.reader(io.StringIO(text[found.end() :], newline=""), delimiter=found[1])
        else:
            yield from csv.reader(io.StringIO(text, newline=""), _dialect(text))
    except csv.Error as error:
        raise DocumentUnreadable(f"damaged: {error}") from error


def _dialect(text: str) -> Any:
    """Return the sniffer's dialect, with doubled quotes as usual; if it finds none, use the separator that most of the
    first lines contain equally often.
    """
    try:
        dialect: Any = csv.Sniffer().sniff(text[:8192], delimiters=",;\t|")
    except csv.Error:
        lines = text.splitlines()[:20]
        separator = max(",;\t|", key=lambda sign: sum(line.count(sign) == lines[0].count(sign) > 0 for line in lines))
        dialect = type("Guessed", (csv.excel,), {"delimiter": separator})
    dialect.doublequote = True
    return dialect


def _add_record(builder: TextBuilder, record: Any, place: str) -> None:
    """Add a short record as a row, a long one as a paragraph."""
    leaves = list(_leaves(record))
    if len(leaves) > 1 and sum(map(len, leaves)) <= _LONGEST_ROW:
        builder.row(" · ".join(leaves), place)
    else:
        builder.block("\n".join(leaves))


def _leaves(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        if all(not isinstance(inner, dict | list) for inner in value):
            yield from _leaves(", ".join(map(_shown, value)), path)
        else:
            for inner in value:
                yield from _leaves(inner, path)
    elif value is not None and value != "":
        yield f"{path}: {_shown(value)}" if path else _shown(value)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
