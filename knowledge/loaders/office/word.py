"""Reads Word files with python-docx: paragraphs, headings, tables, and page headers and footers."""

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.archives import check_archive
from knowledge.loaders.building import TextBuilder
from knowledge.loaders.rows import MOST_COLUMNS, add_table

if TYPE_CHECKING:
    from docx.document import Document as WordDocument
    from docx.table import Table

_HEADING_STYLE = re.compile(r"heading (\d)", re.IGNORECASE)
_PAGE_NUMBER = re.compile(r"(?:page|seite|pagina)?\s*\d*\s*(?:of|/|von|di)?\s*\d*", re.IGNORECASE)
_FOOTNOTES = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"


def load_docx(content: bytes) -> Document:
    """Read a Word file: page headers first, then the body, then page footers and footnotes."""
    import docx

    check_archive(content, "Word")
    source = docx.Document(io.BytesIO(content))
    builder = TextBuilder()
    _add_margin(builder, source, "header")
    _add_body(builder, source)
    _add_margin(builder, source, "footer")
    _add_footnotes(builder, source)
    return builder.document(source.core_properties.title)


def _add_body(builder: TextBuilder, source: "WordDocument") -> None:
    from docx.table import Table
    from docx.text.paragraph import Paragraph

    # Looking up each paragraph's style takes twenty times as long as reading its text.
    styles = {style.style_id: style.name or "" for style in source.styles}
    tables = 0
    for item in source.iter_inner_content():
        if isinstance(item, Table):
            tables += 1
            _add_rows(builder, item, f"table {tables}, row {{}}")
        elif isinstance(item, Paragraph):
            style = styles.get(item._p.style or "", "")
            found = _HEADING_STYLE.match(style)
            if found or style == "Title":
                builder.heading(int(found[1]) + 1 if found else 1, item.text)
            else:
                builder.block(item.text)


def _add_rows(builder: TextBuilder, table: "Table", place: str) -> None:
    """Add the table's rows. A merged cell counts once. A row that repeats on every page names the columns."""
    widest = max(map(int, table._tbl.xpath(".//w:gridSpan/@w:val")), default=1)
    if widest > MOST_COLUMNS:  # python-docx would repeat such a cell as often
        raise DocumentUnreadable(f"damaged: a cell of {widest:,} columns")
    rows = [[cell.text for cell in _distinct(row.cells)] for row in table.rows]
    marked = bool(table._tbl.tr_lst) and bool(table._tbl.tr_lst[0].xpath("./w:trPr/w:tblHeader"))
    add_table(builder, rows, place=place, has_header=True if marked else None)


def _distinct(cells: tuple[Any, ...]) -> Iterator[Any]:
    before = None
    for cell in cells:
        if cell._tc is not before:
            yield cell
        before = cell._tc


def _add_margin(builder: TextBuilder, source: "WordDocument", name: str) -> None:
    """Add the distinct headers or footers of all sections, except page numbers."""
    seen: set[str] = set()
    for section in source.sections:
        for kind in (name, f"first_page_{name}", f"even_page_{name}"):
            part = getattr(section, kind)
            if part.is_linked_to_previous:
                continue
            texts = [paragraph.text for paragraph in part.paragraphs]
            texts += [" · ".join(cell.text for cell in _distinct(row.cells)) for t in part.tables for row in t.rows]
            for text in texts:
                if text.strip() not in seen and not _PAGE_NUMBER.fullmatch(text.strip()):
                    seen.add(text.strip())
                    builder.place(f"page {name}")
                    builder.block(text)
    builder.place("")


def _add_footnotes(builder: TextBuilder, source: "WordDocument") -> None:
    from docx.oxml.ns import qn
    from docx.oxml.parser import parse_xml

    for part in source.part.package.iter_parts():
        if part.content_type != _FOOTNOTES:
            continue
        for note in parse_xml(part.blob).iter(qn("w:footnote")):
            text = "".join(piece.text or "" for piece in note.iter(qn("w:t")))
            builder.place("footnotes" if text.strip() else "")
            builder.block(text)
    builder.place("")
