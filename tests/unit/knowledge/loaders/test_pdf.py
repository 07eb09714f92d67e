"""What a person reads on a page of a PDF is what the loader gives: columns one after the other, tables by rows, words
whole, and no running heads.
"""

import io
from collections.abc import Sequence
from typing import Any

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph, SimpleDocTemplate, Table

from knowledge.documents import Document
from knowledge.loaders import load

_STYLES = getSampleStyleSheet()
_RATES = [["Room", "Low season", "High season"], ["Single", "45", "60"], ["Double", "70", "95"]]


def _drawn(*pages: Sequence[tuple[float, float, str]]) -> Document:
    """A PDF whose lines are drawn one by one at their places, from the upper left corner."""
    written = io.BytesIO()
    canvas = Canvas(written, pagesize=A4)
    for page in pages:
        for left, top, text in page:
            canvas.drawString(left, A4[1] - top, text)
        canvas.showPage()
    canvas.save()
    return load("a.pdf", written.getvalue())


def _pdf(*parts: Any) -> bytes:
    written = io.BytesIO()
    SimpleDocTemplate(written, pagesize=A4).build(list(parts))
    return written.getvalue()


def _built(*parts: Any) -> Document:
    return load("a.pdf", _pdf(*parts))


def test_columns_whose_lines_are_drawn_across_are_read_one_after_the_other() -> None:
    left = ["Dogs must be kept on a lead", "between May and September. In", "other months they run free."]
    right = ["The ferry leaves every weekday", "from pier two at a quarter past", "eight, except on holidays."]
    lines = [
        (x, 100 + 14 * n, text)
        for n, pair in enumerate(zip(left, right, strict=True))
        for x, text in zip((60, 320), pair, strict=True)
    ]
    assert _drawn(lines).text == f"{' '.join(left)}\n\n{' '.join(right)}\n\n"


@pytest.mark.parametrize("style", [[], [("GRID", (0, 0), (-1, -1), 0.5, colors.black)]], ids=["aligned", "ruled"])
def test_a_table_is_rows_with_their_headers(style: list[Any]) -> None:
    document = _built(Paragraph("Prices are per night.", _STYLES["BodyText"]), Table(_RATES, style=style))
    assert "Room: Double · Low season: 70 · High season: 95\n" in document.text
    assert document.place_at(document.text.index("Double")) == "table 1, row 3"


def test_a_cell_of_two_lines_is_one_cell() -> None:
    rows = [
        *_RATES,
        [Paragraph("Family suite with a view of the sea and of the old harbour", _STYLES["BodyText"]), "110", "150"],
    ]
    table = Table(rows, colWidths=[120, 90, 90], style=[("GRID", (0, 0), (-1, -1), 0.5, colors.black)])
    assert "Room: Family suite with a view of the sea and of the old harbour · Low season: 110" in _built(table).text


def test_a_broken_word_is_whole_again_and_a_hyphenated_one_keeps_its_hyphen() -> None:
    document = _drawn(
        [(60, 100, "A well-known rule: the har-"), (60, 114, "bour office is a well-"), (60, 128, "known place.")]
    )
    assert document.text.strip() == "A well-known rule: the harbour office is a well-known place."


def test_heads_and_feet_that_every_page_repeats_are_left_out() -> None:
    pages = [
        [(60, 40, "Harbour News 2026"), (60, 100, f"Page text number {word} stands here."), (280, 800, f"Page {n}")]
        for n, word in enumerate(("one", "two", "three", "four"), 1)
    ]
    document = _drawn(*pages)
    assert document.text.split("\n\n") == [
        f"Page text number {w} stands here." for w in ("one", "two", "three", "four")
    ] + [""]
    assert document.page_at(document.text.index("three")) == 3


def test_a_large_line_is_a_heading_and_a_gap_ends_a_paragraph() -> None:
    document = _built(
        Paragraph("Opening hours", _STYLES["Heading1"]),
        Paragraph("The office opens at seven.", _STYLES["BodyText"]),
        Paragraph("It closes at noon.", _STYLES["BodyText"]),
    )
    assert document.text == "Opening hours\n\nThe office opens at seven.\n\nIt closes at noon.\n\n"
    assert document.headings_at(document.text.index("closes")) == ("Opening hours",)


_VOCABULARY = ["dogs", "ferries", "lead", "pier", "eight", "meadow", "office", "price", "season", "lantern"]
_WORDS = st.lists(st.sampled_from(_VOCABULARY), min_size=8, max_size=40)


@given(columns=st.integers(1, 3), texts=st.lists(_WORDS, min_size=4, max_size=9))
@settings(max_examples=25, deadline=None)
def test_every_paragraph_is_read_word_by_word_in_any_number_of_columns(columns: int, texts: list[list[str]]) -> None:
    paragraphs = [f"Paragraph {n} of these: {' '.join(words)}." for n, words in enumerate(texts)]
    written = io.BytesIO()
    width = (A4[0] - 80) / columns
    frames = [Frame(40 + width * n, 500, width - 14, 280) for n in range(columns)]
    document = BaseDocTemplate(written, pagesize=A4)
    document.addPageTemplates([PageTemplate(frames=frames)])
    document.build([Paragraph(text, _STYLES["BodyText"]) for text in paragraphs])
    text = load("a.pdf", written.getvalue()).text
    # A page may end within a paragraph; between columns of a page it goes on.
    assert " ".join(text.split()) == " ".join(paragraphs)


def test_a_scan_is_read_where_recognition_is_installed_and_says_so() -> None:
    pytest.importorskip("rapidocr_onnxruntime")
    page = pypdfium2.PdfDocument(_pdf(Paragraph("The harbour office opens at seven.", _STYLES["BodyText"])))[0]
    image = page.render(scale=3).to_pil()
    written = io.BytesIO()
    canvas = Canvas(written, pagesize=A4)
    canvas.drawInlineImage(image, 0, 0, *A4)
    canvas.save()
    document = load("a.pdf", written.getvalue())
    assert "harbour office opens" in document.text
    assert document.place_at(document.text.index("office")) == "read by OCR"


def test_a_line_that_is_all_of_its_page_is_no_running_head() -> None:
    document = _drawn(*([(60, 100, f"Berth {number} is free.")] for number in range(4)))
    assert document.text.split("\n\n")[:-1] == [f"Berth {number} is free." for number in range(4)]
