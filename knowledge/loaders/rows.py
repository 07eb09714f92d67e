"""Writes tables as rows with their headers: "Double · Low season: 70 · High season: 95".

The first row names the columns if it is marked as a header, or if its cells are words above columns of numbers. A table
of two columns is read as labels with values if its first row looks like the others.
"""

import re
from collections.abc import Iterable, Sequence

from knowledge.loaders.building import TextBuilder

Row = Sequence[str]

# With a currency before it or a unit after it, or the month and year of a date: "EUR 70", "30 kroner", "2 March 2026".
_FIGURE = re.compile(r"[\W_]*(?:[A-Z]{3} )?\d[\d\W_]*(?:[^\W\d]{1,9})?(?: \d{4})?[\W_]*$")
_YEAR = re.compile(r"(?:19|20)\d\d$")
_LONGEST_NAME = 60
MOST_COLUMNS = 256


def add_table(
    builder: TextBuilder, rows: Iterable[Row], *, place: str = "row {}", has_header: bool | None = None, first: int = 1
) -> None:
    """Add each row with the names of its columns. `place` is the label of a row by its number, counted from `first`;
    `has_header` says whether the first row names the columns, if the format tells.
    """
    numbered = [(number, cells) for number, row in enumerate(rows, first) if any(cells := _clean(row))]
    for group in _tables(numbered):
        captions, table = _without_captions(group)
        for _, cells in captions:
            builder.block(" ".join(filter(None, cells)))
        _add(builder, table, place, has_header)


def is_figure(cell: str) -> bool:
    """Whether a cell contains a number, an amount, a date or a time, and no words."""
    return bool(_FIGURE.match(cell))


def _clean(row: Row) -> list[str]:
    cells = [" ".join(cell.split()) for cell in row[:MOST_COLUMNS]]
    while cells and not cells[-1]:
        cells.pop()
    return cells


Numbered = list[tuple[int, list[str]]]


def _tables(rows: Numbered) -> list[Numbered]:
    """Split the rows at empty ones. A single row with one cell, a title, joins the rows below it."""
    groups: list[Numbered] = []
    for number, cells in rows:
        last = groups[-1] if groups else []
        is_below_title = len(last) == 1 and _filled(last[0][1]) == 1
        if last and (last[-1][0] == number - 1 or is_below_title):
            groups[-1].append((number, cells))
        else:
            groups.append([(number, cells)])
    return groups


def _without_captions(rows: Numbered) -> tuple[Numbered, Numbered]:
    """Split off the rows above a table that have only one cell, such as its title."""
    widest = max(_filled(cells) for _, cells in rows)
    place = 0
    while widest > 1 and place < len(rows) - 1 and _filled(rows[place][1]) == 1 and not is_figure(rows[place][1][-1]):
        place += 1
    return rows[:place], rows[place:]


def _filled(cells: list[str]) -> int:
    return sum(map(bool, cells))


def _add(builder: TextBuilder, rows: Numbered, place: str, has_header: bool | None) -> None:
    named = (len(rows) > 1 and _names_columns(rows)) if has_header is None else has_header and len(rows) > 1
    names = rows[0][1] if named else []
    for number, cells in rows[1:] if named else rows:
        builder.row(row_text(names, cells), place.format(number))


def row_text(names: Sequence[str], cells: Sequence[str]) -> str:
    """Write a row as one line. Without column names, two cells become "label: value"."""
    if not names and len(cells) == 2 and all(cells) and not cells[0].endswith(":"):
        return f"{cells[0]}: {cells[1]}"
    parts = []
    for column, cell in enumerate(cells):
        name = names[column].rstrip(" :") if column < len(names) else ""
        if cell:
            parts.append(f"{name}: {cell}" if name and name != cell else cell)
    return " · ".join(parts)


def _names_columns(rows: Numbered) -> bool:
    """Whether the first row names the columns."""
    head, body = rows[0][1], [cells for _, cells in rows[1:51]]
    width = max(len(cells) for cells in body)
    if len(head) > width or _filled(head) < 2 or _filled(head) < min(width, len(head)) - 1:
        return False
    if any(len(cell) > _LONGEST_NAME or (is_figure(cell) and not _YEAR.match(cell)) for cell in head):
        return False
    figures = [
        sum(is_figure(cells[column]) for cells in body if column < len(cells) and cells[column])
        for column in range(width)
    ]
    if width > 2:
        return True
    # "Tenant | Ana Petrova" above "Rent | 900" is a label with its value, like the line below it.
    is_name = len(head[-1].split()) > 1 and head[-1].istitle()
    return len(body) > 1 and figures[-1] == len(body) and not is_name
