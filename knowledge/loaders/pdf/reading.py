"""Reads a PDF file with pdfium, page by page. Encrypted, damaged and scanned files are refused with the reason."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.building import MOST_CHARACTERS, TextBuilder
from knowledge.loaders.pdf import scans
from knowledge.loaders.pdf.columns import read_in_order
from knowledge.loaders.pdf.glyphs import Box, read_rules, read_words
from knowledge.loaders.pdf.lines import Line, Segment, body_size, segments_of, without_running_heads
from knowledge.loaders.pdf.paragraphs import Paragraph, continued, goes_on, hyphenated_words, paragraphs_of, plain
from knowledge.loaders.pdf.tables import Table, ruled_tables
from knowledge.loaders.rows import add_table

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_MOST_PAGES = 20_000
_MOST_RULES = 1_000
"""A page with more drawn lines is a drawing."""

_NO_TITLES = frozenset({"(anonymous)", "untitled", "Untitled"})

Rules = tuple[list[Box], list[Box]]


def load_pdf(content: bytes) -> Document:
    """Read a PDF with its pages: columns in order, tables as rows, without repeated headers and footers."""
    source = _open(content)
    try:
        if len(source) > _MOST_PAGES:
            raise DocumentUnreadable(f"too large: {len(source):,} pages")
        pages, rules, recognized = _read(source)
        title = str(source.get_metadata_value("Title") or "")
    finally:
        source.close()
    if not any(letter.isalnum() for page in pages for segment in page for letter in segment.text):
        advice = "run it through text recognition (OCR) first, or pip install 'parley-assistant[ocr]'"
        raise DocumentUnreadable(f"no text in it, perhaps a scan: {advice}")
    kept = without_running_heads(pages)
    body = body_size(kept)
    known = hyphenated_words([segment.text for page in kept for segment in page])
    builder = TextBuilder()
    tables = 0
    for number, (page, lines) in enumerate(zip(kept, rules, strict=True)):
        builder.page()
        builder.place(scans.PLACE if number in recognized else "")
        for block in _blocks(_parts(page, lines), body, known):
            if isinstance(block, Table):
                tables += 1
                add_table(builder, [[plain(c) for c in row] for row in block.rows], place=f"table {tables}, row {{}}")
            elif block.level:
                builder.heading(block.level, block.text)
            else:
                builder.block(block.text)
    return builder.document("" if title in _NO_TITLES else title)


def _open(content: bytes) -> "PdfDocument":
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise DocumentUnreadable("encrypted: save a copy without its password") from error
        raise DocumentUnreadable("damaged: not a complete PDF file") from error


def _read(source: "PdfDocument") -> tuple[list[list[Segment]], list[Rules], set[int]]:
    pages: list[list[Segment]] = []
    rules: list[Rules] = []
    recognized: set[int] = set()
    characters = 0
    for number in range(len(source)):
        page = source[number]
        words = read_words(page)
        if not words and number < scans.MOST_PAGES and scans.can_recognize():
            words = scans.recognize(page)
            recognized.add(number)
        characters += sum(len(word.text) for word in words)
        if characters > MOST_CHARACTERS:
            raise DocumentUnreadable(f"too large: more than {MOST_CHARACTERS:,} characters of text")
        pages.append(segments_of(words))
        level, upright = read_rules(page)
        is_drawing = len(level) + len(upright) > _MOST_RULES
        rules.append(([], []) if is_drawing else (level, upright))
        page.close()
    return pages, rules, recognized


def _blocks(parts: Iterable[Table | list[Line]], body: float, known: frozenset[str]) -> Iterator[Table | Paragraph]:
    """Yield tables and paragraphs. A paragraph that a column break splits in mid-sentence is joined again."""
    open_one: Paragraph | None = None
    for part in parts:
        for block in [part] if isinstance(part, Table) else paragraphs_of(part, body, known):
            if open_one and isinstance(block, Paragraph) and goes_on(open_one, block):
                open_one = Paragraph(text=continued(open_one.text, block.text, known))
                continue
            if open_one:
                yield open_one
            open_one = None
            if isinstance(block, Paragraph) and not block.level:
                open_one = block
            else:
                yield block
    if open_one:
        yield open_one


def _parts(page: list[Segment], rules: Rules) -> list[Table | list[Line]]:
    """Return ruled tables in their place: the text above one is read before it."""
    tables, rest = ruled_tables(page, *rules)
    parts: list[Table | list[Line]] = []
    for table in sorted(tables, key=lambda table: table.top):
        above = [segment for segment in rest if segment.middle < table.top]
        rest = [segment for segment in rest if segment.middle >= table.top]
        parts += [*(read_in_order(above) if above else ()), table]
    return [*parts, *(read_in_order(rest) if rest else ())]
