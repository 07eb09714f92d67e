"""Determines the size of a spreadsheet's grids from its markup, before a parser allocates them: a file of a few
kilobytes may have a cell in the last row and column, and so claim memory for all cells in between.
"""

import io
import re
import zipfile
from typing import IO, TYPE_CHECKING

from knowledge.errors import DocumentUnreadable
from knowledge.loaders.xml import parse_xml

if TYPE_CHECKING:
    from lxml.etree import _Element

MOST_CELLS = 5_000_000
"""The maximum for one sheet, empty cells included."""
_CELL = re.compile(rb"""<(?:\w+:)?c\s(?:[^>]*?\s)?r=["']([A-Za-z]{1,3})(\d{1,7})["']""")
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_STEP = 2**20
_LONGEST_TAG = 200


def check_grids(content: bytes) -> None:
    """Refuse a zipped spreadsheet if one of its sheets spans too many cells."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for part in archive.infolist():
            if part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml"):
                with archive.open(part) as stream:
                    _check(*_span(stream))
            elif part.filename == "content.xml":
                for table in parse_xml(archive.read(part)).iter(f"{_TABLE}table"):
                    _check(*_open_span(table))


def _check(rows: int, columns: int) -> None:
    if rows * columns > MOST_CELLS:
        raise DocumentUnreadable(f"too large: {rows * columns:,} cells in one sheet")


def _span(stream: IO[bytes]) -> tuple[int, int]:
    """Return the rows and columns between the first and the last cell of an Excel sheet."""
    rows: list[int] = []
    columns: list[int] = []
    rest = b""
    while block := stream.read(_STEP):
        found = _CELL.findall(rest + block)
        if found:
            here = [int(digits) for _, digits in found]
            rows = [min([*rows, *here]), max([*rows, *here])]
            there = [_number(letters) for letters in {letters for letters, _ in found}]
            columns = [min([*columns, *there]), max([*columns, *there])]
        rest = block[-_LONGEST_TAG:]
    return (rows[1] - rows[0] + 1, columns[1] - columns[0] + 1) if rows else (0, 0)


def _number(letters: bytes) -> int:
    """Return the number of a column: A is 1, AA is 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _open_span(table: "_Element") -> tuple[int, int]:
    """Return the rows and columns of an OpenDocument sheet, whose rows and cells may have repeat counts."""
    row = height = width = 0
    for line in table.iter(f"{_TABLE}table-row"):
        row += _repeated(line.get(f"{_TABLE}number-rows-repeated"))
        column = last = 0
        for cell in line.iterchildren(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            column += _repeated(cell.get(f"{_TABLE}number-columns-repeated"))
            last = column if len(cell) else last
        if last:
            height, width = row, max(width, last)
    return height, width


def _repeated(value: str | None) -> int:
    return int(value) if value and value.isdigit() else 1
