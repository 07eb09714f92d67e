"""Finds the tables of a page: drawn grids, and tables recognizable only by alignment."""

from collections.abc import Callable, Sequence
from functools import partial
from statistics import mean

import msgspec

from knowledge.loaders.pdf.glyphs import SOFT_HYPHEN, Box
from knowledge.loaders.pdf.lines import Line, Segment, lines_of
from knowledge.loaders.rows import is_figure

_NEAR = 3.0
_MOST_WORDS = 3.5
_LONG_CELL = 6.0


class Table(msgspec.Struct, frozen=True):
    """Rows of cells, and the position of the table on its page."""

    top: float
    left: float
    rows: tuple[tuple[str, ...], ...]


def ruled_tables(
    segments: Sequence[Segment], level: Sequence[Box], upright: Sequence[Box]
) -> tuple[list[Table], list[Segment]]:
    """Return the tables drawn as a grid, and the segments outside them."""
    tables: list[Table] = []
    rest = list(segments)
    for lines, sides in _grids(level, upright):
        heights, places = _apart([line.middle for line in lines]), _apart([side.left for side in sides])
        if len(heights) < 3 or len(places) < 3:
            continue
        inside = [
            segment
            for segment in rest
            if heights[0] < segment.middle < heights[-1] and places[0] - _NEAR < segment.left < places[-1]
        ]
        rows = _cells(inside, heights, places)
        if sum(sum(map(bool, row)) > 1 for row in rows) > 1:
            chosen = {id(segment) for segment in inside}
            rest = [segment for segment in rest if id(segment) not in chosen]
            tables.append(Table(top=heights[0], left=places[0], rows=rows))
    return tables, rest


def aligned_table(lines: Sequence[Line]) -> tuple[int, int, tuple[tuple[str, ...], ...]] | None:
    """Return the first table among the lines: the numbers of its first line and of the line after it, and its rows."""
    first = 0
    while first < len(lines):
        last = first
        while last < len(lines) and _belongs(lines, first, last):
            last += 1
        while last > first and len(lines[last - 1].segments) < 2:
            last -= 1
        if rows := _aligned_rows(lines[first:last]):
            return first, last, rows
        first = max(last, first + 1)
    return None


def _belongs(lines: Sequence[Line], first: int, place: int) -> bool:
    """Whether a line belongs to the table started by an earlier one: it has two cells, or continues one."""
    line = lines[place]
    if place > first and line.bottom - lines[place - 1].bottom > 3 * line.size:
        return False
    if len(line.segments) > 1:
        return True
    if place == first or len(lines[place - 1].segments) < 2:
        return False
    near = line.bottom - lines[place - 1].bottom < 1.4 * line.size
    return near and any(abs(line.left - cell.left) < _NEAR for cell in lines[place - 1].segments[1:])


def _aligned_rows(lines: Sequence[Line]) -> tuple[tuple[str, ...], ...]:
    if sum(len(line.segments) > 1 for line in lines) < 2:
        return ()
    cells = [segment for line in lines for segment in line.segments]
    columns = _columns(cells)
    figures = mean(is_figure(cell.text) for cell in cells)
    words = mean(len(cell.text.split()) for cell in cells)
    if len(columns) < 2 or words > (_LONG_CELL if figures > 0.25 else _MOST_WORDS):
        return ()
    if figures <= 0.25 and any(_is_prose(cell.text) for cell in cells):
        return ()
    rows: list[list[str]] = []
    for line in lines:
        row = [""] * len(columns)
        for cell in line.segments:
            place = next(n for n, (left, right) in enumerate(columns) if cell.left <= right and cell.right >= left)
            row[place] = f"{row[place]} {cell.text}".strip()
        if rows and not row[0] and not any(map(is_figure, row)) and len(rows) > 1:
            rows[-1] = [f"{above} {cell}".strip() for above, cell in zip(rows[-1], row, strict=True)]
        else:
            rows.append(row)
    return tuple(map(tuple, rows))


def _is_prose(text: str) -> bool:
    """Whether a text looks like part of a sentence, because newspaper columns are aligned too."""
    return text[:1].islower() or text.endswith((".", ",", ";", SOFT_HYPHEN))


def _columns(cells: Sequence[Segment]) -> list[tuple[float, float]]:
    """Return the horizontal ranges in which cells overlap."""
    columns: list[tuple[float, float]] = []
    for cell in sorted(cells, key=lambda cell: cell.left):
        if columns and cell.left < columns[-1][1]:
            columns[-1] = (columns[-1][0], max(columns[-1][1], cell.right))
        else:
            columns.append((cell.left, cell.right))
    return columns


def _grids(level: Sequence[Box], upright: Sequence[Box]) -> list[tuple[list[Box], list[Box]]]:
    """Group horizontal and vertical lines that touch each other into grids."""
    left_over, pending = list(upright), list(level)
    grids: list[tuple[list[Box], list[Box]]] = []
    while pending:
        fresh = [pending.pop()]
        lines, sides = list(fresh), list[Box]()
        while fresh:
            touching, left_over = _split(left_over, partial(_touches_any, fresh))
            fresh, pending = _split(pending, partial(_touches_any, touching))
            sides += touching
            lines += fresh
        if sides:
            grids.append((lines, sides))
    return grids


def _split(boxes: Sequence[Box], chosen: Callable[[Box], bool]) -> tuple[list[Box], list[Box]]:
    marks = [chosen(box) for box in boxes]
    return [b for b, mark in zip(boxes, marks, strict=True) if mark], [
        b for b, mark in zip(boxes, marks, strict=True) if not mark
    ]


def _touches_any(others: Sequence[Box], box: Box) -> bool:
    return any(
        box.left - _NEAR <= other.right
        and other.left - _NEAR <= box.right
        and box.top - _NEAR <= other.bottom
        and other.top - _NEAR <= box.bottom
        for other in others
    )


def _apart(values: Sequence[float]) -> list[float]:
    kept: list[float] = []
    for value in sorted(values):
        if not kept or value - kept[-1] > _NEAR:
            kept.append(value)
    return kept


def _cells(
    segments: Sequence[Segment], heights: Sequence[float], places: Sequence[float]
) -> tuple[tuple[str, ...], ...]:
    grid: list[list[list[Segment]]] = [[[] for _ in places[1:]] for _ in heights[1:]]
    for segment in segments:
        row = sum(segment.middle > height for height in heights) - 1
        column = max(sum(segment.left + 1 > place for place in places) - 1, 0)
        grid[min(row, len(grid) - 1)][min(column, len(places) - 2)].append(segment)
    return tuple(tuple(" ".join(line.text for line in lines_of(cell)) for cell in row) for row in grid)
