"""Reads Jupyter notebooks: text, code and printed results, cell by cell."""

import json
from typing import Any

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.building import TextBuilder, decode
from knowledge.loaders.text.plain import load_markdown

_MOST_OUTPUT = 4_000
"""The maximum length of a result; longer ones are logs or tables of data."""


def load_notebook(content: bytes) -> Document:
    """Read cells as "cell 3", their results as "cell 3, result"."""
    try:
        cells = json.loads(decode(content))["cells"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DocumentUnreadable("damaged: not a notebook") from error
    builder = TextBuilder()
    for number, cell in enumerate(cells, 1):
        builder.place(f"cell {number}")
        source = _joined(cell.get("source"))
        if cell.get("cell_type") == "markdown":
            _add_markdown(builder, source)
        else:
            builder.block(source)
        for output in cell.get("outputs") or ():
            text = _joined(output.get("text") or (output.get("data") or {}).get("text/plain"))
            if text.strip():
                builder.place(f"cell {number}, result")
                builder.block(text[:_MOST_OUTPUT])
    return builder.document()


def _add_markdown(builder: TextBuilder, source: str) -> None:
    """Add the text as it is written, with headings without their marks."""
    document = load_markdown(source.encode(errors="replace"))
    at = 0
    for heading in document.headings:
        if heading.title and heading.level < 7:
            builder.block(document.text[at : heading.start])
            builder.heading(heading.level, heading.title)
            at = document.text.find("\n", heading.start) + 1 or len(document.text)
    builder.block(document.text[at:])


def _joined(source: Any) -> str:
    return "".join(map(str, source)) if isinstance(source, list) else str(source or "")
