"""Reads OpenDocument texts and slides (.odt, .odp) from the XML in their archive, without a special library."""

import io
import zipfile
from typing import TYPE_CHECKING

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.archives import check_archive
from knowledge.loaders.building import TextBuilder, squeeze
from knowledge.loaders.rows import add_table
from knowledge.loaders.xml import parse_xml, text_of

if TYPE_CHECKING:
    from lxml.etree import _Element

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_PRESENTATION = "{urn:oasis:names:tc:opendocument:xmlns:presentation:1.0}"
_DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"

_UNSEEN = frozenset({f"{_TEXT}tracked-changes", f"{_OFFICE}annotation", f"{_TEXT}note-citation"})
_MOST_REPEATED = 100
_LONGEST_REPEATED = 1_000
"""The maximum length of a cell that is repeated over several columns."""


def load_opendocument(content: bytes) -> Document:
    """Read headings, paragraphs, tables and slides in order, and page headers and footers from the styles."""
    check_archive(content, "OpenDocument")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        if "content.xml" not in names:
            raise DocumentUnreadable("damaged: not a complete OpenDocument file")
        root = parse_xml(archive.read("content.xml"))
        styles = parse_xml(archive.read("styles.xml")) if "styles.xml" in names else None
        meta = parse_xml(archive.read("meta.xml")) if "meta.xml" in names else None
    builder = TextBuilder()
    body = root.find(f"{_OFFICE}body")
    if body is None:
        raise DocumentUnreadable("damaged: no text in the OpenDocument file")
    if styles is not None:
        _add_margins(builder, styles)
    _Reader(builder).add(body)
    title = meta.find(f".//{_DUBLIN_CORE}title") if meta is not None else None
    return builder.document((title.text or "") if title is not None else "")


def _add_margins(builder: TextBuilder, styles: "_Element") -> None:
    seen: set[str] = set()
    for part in styles.iter(f"{_STYLE}header", f"{_STYLE}footer"):
        for paragraph in part.iter(f"{_TEXT}p"):
            # A page number is a field: a footer with one says nothing about the document.
            text = squeeze(_said(paragraph)) if paragraph.find(f".//{_TEXT}page-number") is None else ""
            if text and text not in seen:
                seen.add(text)
                builder.place("page header" if part.tag.endswith("header") else "page footer")
                builder.block(text)
    builder.place("")


class _Reader:
    def __init__(self, builder: TextBuilder) -> None:
        self._builder = builder
        self._tables = self._slides = 0

    def add(self, root: "_Element") -> None:
        """Walk the tree without recursion, because it may be nested deeper than Python's stack."""
        stack = [root]
        while stack:
            node = stack.pop()
            if node.tag == f"{_TEXT}h":
                level = node.get(f"{_TEXT}outline-level", "1")
                self._builder.heading(int(level) if level.isdigit() else 1, _said(node))
            elif node.tag == f"{_TEXT}p":
                self._builder.block(squeeze(_said(node)))
                stack.extend(reversed(list(node.iter(f"{_DRAW}text-box"))))
            elif node.tag == f"{_TABLE}table":
                self._tables += 1
                add_table(self._builder, _rows(node), place=f"table {self._tables}, row {{}}")
            elif node.tag not in _UNSEEN:
                self._begin(node)
                stack.extend(reversed(list(node.iterchildren("*"))))

    def _begin(self, node: "_Element") -> None:
        if node.tag == f"{_DRAW}page":
            self._slides += 1
            self._builder.page()
            self._builder.place(f"slide {self._slides}")
        elif node.tag == f"{_PRESENTATION}notes":
            self._builder.place(f"slide {self._slides}, notes")


def _rows(table: "_Element") -> list[list[str]]:
    rows = []
    for row in table.iter(f"{_TABLE}table-row"):
        cells: list[str] = []
        for cell in row.iterchildren(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            text = " ".join(squeeze(_said(paragraph)) for paragraph in cell.iter(f"{_TEXT}p"))
            repeated = cell.get(f"{_TABLE}number-columns-repeated", "1")
            may_repeat = repeated.isdigit() and len(text) <= _LONGEST_REPEATED
            cells += [text] * (min(int(repeated), _MOST_REPEATED) if may_repeat else 1)
        rows.append(cells)
    return rows


def _said(node: "_Element") -> str:
    return text_of(
        node, unseen={*_UNSEEN, f"{_DRAW}text-box"}, spaces={f"{_TEXT}s", f"{_TEXT}tab"}, breaks={f"{_TEXT}line-break"}
    )
