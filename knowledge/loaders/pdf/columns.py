"""Finds the reading order of a page: columns one after the other, and what crosses them before or after."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from knowledge.loaders.pdf.lines import Line, Segment, lines_of
from knowledge.loaders.pdf.tables import Table, aligned_table

_STEP = 2.0
_LEAST_LINES = 3
_LEAST_GUTTER = 4.0
_TITLES = 6
_GAP = 1.5
_CROSSING = 0.25
"""The maximum number of lines across a gutter, per line of the shorter column."""


def read_in_order(segments: Sequence[Segment]) -> Iterator[Table | list[Line]]:
    """Yield tables, and runs of lines in one column, in reading order."""
    lines = lines_of(segments)
    found = aligned_table(lines)
    if found is not None:
        first, last, rows = found
        if above := [segment for line in lines[:first] for segment in line.segments]:
            yield from read_in_order(above)
        top = lines[first].segments[0]
        yield Table(top=top.top, left=top.left, rows=rows)
        if below := [segment for line in lines[last:] for segment in line.segments]:
            yield from read_in_order(below)
        return
    gutter = _gutter(segments) if len(lines) > 1 else None
    if gutter is None:
        yield from _without_gaps(lines)
        return
    across = [segment for segment in segments if segment.left < gutter < segment.right]
    for band in _bands(segments, across):
        if band[0] in across:
            yield lines_of(band)
        else:
            for side in (
                [segment for segment in band if segment.right <= gutter],
                [segment for segment in band if segment.left >= gutter],
            ):
                if side:
                    yield from read_in_order(side)


def _without_gaps(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Yield runs of lines. Segments separated by more than a word gap are not read as one line."""
    run: list[Line] = []
    for line in lines:
        gaps = [after.left - before.right for before, after in pairwise(line.segments)]
        if max(gaps, default=0.0) < _GAP * line.size:
            run.append(line)
            continue
        if run:
            yield run
        run = []
        yield from ([Line(segments=(segment,))] for segment in line.segments)
    if run:
        yield run


def _bands(segments: Sequence[Segment], across: Sequence[Segment]) -> list[list[Segment]]:
    """Return the bands from top to bottom: what crosses the gutter, and what is beside it in between."""
    bands: list[list[Segment]] = []
    crossing = {id(segment) for segment in across}
    for segment in sorted(segments, key=lambda segment: segment.middle):
        is_across = id(segment) in crossing
        if bands and (id(bands[-1][0]) in crossing) == is_across:
            bands[-1].append(segment)
        else:
            bands.append([segment])
    return bands


def _gutter(segments: Sequence[Segment]) -> float | None:
    """Return the middle of the widest vertical strip that hardly anything crosses, with a column of lines on both
    sides.
    """
    lefts = np.array([segment.left for segment in segments])
    rights = np.array([segment.right for segment in segments])
    size = max(segment.size for segment in segments)
    places = np.arange(lefts.min(), rights.max(), _STEP)
    crossing = ((lefts[None, :] < places[:, None]) & (rights[None, :] > places[:, None])).sum(axis=1)
    before = (rights[None, :] <= places[:, None]).sum(axis=1)
    after = (lefts[None, :] >= places[:, None]).sum(axis=1)
    shorter = np.minimum(before, after)
    free = (shorter >= 1) & (crossing <= np.maximum(_TITLES, _CROSSING * shorter))
    best: tuple[float, float, float] | None = None
    for first, last in _runs(free):
        least = crossing[first:last].min()
        strip = [place for place, count in zip(places[first:last], crossing[first:last], strict=True) if count == least]
        width = strip[-1] - strip[0] + _STEP
        middle = float((strip[0] + strip[-1]) / 2)
        count = int(shorter[first:last].max())
        if width >= (_LEAST_GUTTER if count >= _LEAST_LINES else _GAP * size) and _side_by_side(segments, middle):
            best = max(best or (-1e9, 0.0, 0.0), (-float(least), width, middle))
    return best[2] if best else None


def _runs(free: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], free, [False]]).astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _side_by_side(segments: Sequence[Segment], gutter: float) -> bool:
    """Whether both sides overlap vertically for half the height of the shorter one, and few lines
    cross between them.
    """
    left = [segment for segment in segments if segment.right <= gutter]
    right = [segment for segment in segments if segment.left >= gutter]
    top = max(min(s.top for s in left), min(s.top for s in right))
    bottom = min(max(s.bottom for s in left), max(s.bottom for s in right))
    shorter = min(max(s.bottom for s in side) - min(s.top for s in side) for side in (left, right))
    across = [s for s in segments if s.left < gutter < s.right and top < s.middle < bottom]
    return bottom - top > 0.5 * shorter and len(across) <= _CROSSING * min(len(left), len(right))
