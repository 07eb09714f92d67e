"""CSV and JSON: every record as lines of "name: value", so that a question in words can meet a cell."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.building import TextBuilder, decode


def load_csv(content: bytes) -> Document:
    """Comma, semicolon or tab separated; the first row names the columns."""
    text = decode(content)
    rows = list(_csv_rows(text))
    builder = TextBuilder()
    if len(rows) == 1:
        builder.block(", ".join(rows[0]))
    for row in rows[1:]:
        names = rows[0] + [f"column {number}" for number in range(len(rows[0]) + 1, len(row) + 1)]
        cells = [f"{name.strip()}: {cell.strip()}" for name, cell in zip(names, row, strict=False) if cell.strip()]
        builder.block("\n".join(cells))
    return builder.document()


def load_json(content: bytes) -> Document:
    """One JSON value: each leaf a line with its path, each element of an outer list a paragraph."""
    builder = TextBuilder()
    try:
        value = json.loads(decode(content))
        for record in value if isinstance(value, list) else [value]:
            builder.block("\n".join(_leaves(record)))
    except json.JSONDecodeError as error:
        raise DocumentUnreadable(f"damaged: not JSON (line {error.lineno})") from error
    except RecursionError as error:
        raise DocumentUnreadable("nested too deeply") from error
    return builder.document()


def load_json_lines(content: bytes) -> Document:
    """One JSON value a line, each a paragraph."""
    builder = TextBuilder()
    for number, line in enumerate(decode(content).splitlines(), 1):
        if not line.strip():
            continue
        try:
            builder.block("\n".join(_leaves(json.loads(line))))
        except json.JSONDecodeError as error:
            raise DocumentUnreadable(f"damaged: line {number} is not JSON") from error
        except RecursionError as error:
            raise DocumentUnreadable("nested too deeply") from error
    return builder.document()


def _csv_rows(text: str) -> Iterator[list[str]]:
    try:
        dialect: Any = csv.Sniffer().sniff(text[:8192], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        yield from (row for row in csv.reader(io.StringIO(text, newline=""), dialect) if any(map(str.strip, row)))
    except csv.Error as error:
        raise DocumentUnreadable(f"damaged: {error}") from error


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
