"""Reads slides with python-pptx: the titles, texts and tables of each slide, and its notes."""

import io
from collections.abc import Iterator
from typing import Any

from knowledge.documents import Document
from knowledge.loaders.archives import check_archive
from knowledge.loaders.building import TextBuilder
from knowledge.loaders.rows import add_table


def load_pptx(content: bytes) -> Document:
    """Read the slides, with their shapes from top to bottom; each slide counts as a page."""
    from pptx import Presentation

    check_archive(content, "PowerPoint")
    source = Presentation(io.BytesIO(content))
    builder = TextBuilder()
    for number, slide in enumerate(source.slides, 1):
        builder.page()
        builder.place(f"slide {number}")
        title = slide.shapes.title
        if title is not None:
            builder.heading(1, title.text_frame.text)
        for shape in _in_order(slide.shapes):
            if title is None or shape.shape_id != title.shape_id:
                _add_shape(builder, shape)
        if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None and notes.text.strip():
            builder.place(f"slide {number}, notes")
            builder.block("\n".join(paragraph.text for paragraph in notes.paragraphs))
    return builder.document(source.core_properties.title)


def _in_order(shapes: Any) -> Iterator[Any]:
    """Yield the shapes from top to bottom and left to right, those of a group in its place."""
    for shape in sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0)):
        if hasattr(shape, "shapes"):
            yield from _in_order(shape.shapes)
        else:
            yield shape


def _add_shape(builder: TextBuilder, shape: Any) -> None:
    if shape.has_text_frame:
        for paragraph in shape.text_frame.paragraphs:
            builder.block("".join(run.text for run in paragraph.runs) or paragraph.text)
    elif getattr(shape, "has_table", False) and shape.has_table:
        rows = [[cell.text for cell in row.cells] for row in shape.table.rows]
        add_table(builder, rows, place="row {}", has_header=bool(shape.table.first_row) or None)
