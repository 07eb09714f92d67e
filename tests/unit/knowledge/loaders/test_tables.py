"""A table row stands alone with the headers of its cells, and its place is its number."""

import pytest

from knowledge.chunking import chunk
from knowledge.documents import Document, Passage
from knowledge.loaders import load
from tests.unit.knowledge.samples import sample

_HTML = """<h1>Rates</h1><table><caption>Room rates 2026</caption><tr><th>Room</th><th>Low season</th>
<th>High season</th></tr><tr><td>Single</td><td>45</td><td>60</td></tr><tr><td>Double</td><td>70</td><td>95</td></tr>
</table><p>Dogs cost ten euros.</p>"""
_MARKDOWN = (
    "# Rates\n\n| Room | Low season | High season |\n|---|---|---|\n| Single | 45 | 60 |\n| Double | 70 | 95 |\n\nDogs."
)


def _passages(document: Document) -> list[Passage]:
    return chunk(document, lambda texts: [len(text.split()) for text in texts], 120)


def _row(name: str, content: bytes) -> Passage:
    (row,) = [passage for passage in _passages(load(name, content)) if passage.is_row and "Double" in passage.text]
    return row


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("a.xlsx", sample(".xlsx"), "sheet Rooms, row 5"),
        ("a.xls", sample(".xls"), "sheet Rooms, row 5"),
        ("a.pptx", sample(".pptx"), "slide 2, row 3"),
        ("a.odt", sample(".odt"), "table 1, row 3"),
        ("a.tex", sample(".tex"), "table 1, row 2"),
        ("a.html", _HTML.encode(), "table 1, row 4"),
        ("a.csv", b"Room,Low season,High season\nSingle,45,60\nDouble,70,95\n", "row 3"),
        ("a.csv", b"Room;Low season;High season\r\nSingle;45;60\r\nDouble;70;95\r\n", "row 3"),
        ("a.csv", b'sep=|\n"Room"|"Low season"|"High season"\n"Single"|45|60\n"Double"|70|95\n', "row 3"),
    ],
)
def test_a_row_carries_the_names_of_its_columns(name: str, content: bytes, place: str) -> None:
    row = _row(name, content)
    assert row.text == "Room: Double · Low season: 70 · High season: 95"
    assert row.place == place


@pytest.mark.parametrize(("name", "content"), [("a.md", _MARKDOWN.encode()), ("a.org", sample(".org"))])
def test_a_row_of_a_text_file_stays_as_it_is_written_under_the_names_of_its_columns(name: str, content: bytes) -> None:
    row = _row(name, content)
    assert row.text in content.decode()
    assert row.headings[-1] == "Room | Low season | High season"
    assert row.place.endswith("Room | Low season | High season")


def test_what_follows_a_table_is_no_part_of_it() -> None:
    last = _passages(load("a.md", _MARKDOWN.encode()))[-1]
    assert (last.text, last.headings, last.place, last.is_row) == ("Dogs.", ("Rates",), "", False)


def test_labels_with_their_values_need_no_header() -> None:
    document = load(
        "a.html", b"<table><tr><td>Tenant</td><td>Ana Petrova</td></tr><tr><td>Rent</td><td>900</td></tr></table>"
    )
    assert document.text == "Tenant: Ana Petrova\nRent: 900\n"


def test_a_table_of_figures_alone_has_no_header() -> None:
    assert load("a.csv", b"2026-01-01,4,5\n2026-01-02,6,7\n").text == "2026-01-01 · 4 · 5\n2026-01-02 · 6 · 7\n"


def test_several_rows_of_a_long_table_share_a_passage_that_names_them_all() -> None:
    lines = "\n".join(f"berth {n},{n * 3}" for n in range(3000))
    passages = _passages(load("a.csv", f"name,price\n{lines}\n".encode()))
    assert len(passages) < 1000
    (found,) = [passage for passage in passages if "name: berth 1500 ·" in passage.text]
    first, last = map(int, found.place.removeprefix("row ").split("–"))
    # Row 1 names the columns, so berth 1500 stands in row 1502.
    assert first <= 1502 <= last
    assert len(found.text.splitlines()) == last - first + 1


def test_a_cell_of_two_lines_stands_on_one() -> None:
    text = load("a.csv", b'item,note\nrope,"tarred\nin spring"\n').text
    assert text == "item: rope · note: tarred in spring\n"
