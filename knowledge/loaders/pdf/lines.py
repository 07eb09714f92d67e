"""Groups the words of a page into segments, which are parts of a line without a wide gap, and segments into lines."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import TypeVar

import msgspec

from knowledge.loaders.pdf.glyphs import Box, Word

T = TypeVar("T", bound=Box)

_WIDE = 0.7
"""A gap of this many ems separates segments; words of justified text are closer."""
_EDGE_LINES = 2
_LONGEST_HEAD = 15
_MARKER = re.compile(r"[•◦▪‣●○■–—*-]|\(?\d{1,2}[.)]|\d{1,2}(?:\.\d{1,2})+|\(?[a-z]\)")
_PAGE_NUMBER = re.compile(
    r"(?:page|seite|página|pagina)?[\s–-]*\d{1,4}(?:\s*(?:/|of|von|de|di)\s*\d{1,4})?[\s–-]*", re.IGNORECASE
)


class Segment(Box, frozen=True):
    """A part of a line whose words are one space apart."""

    text: str
    size: float
    is_bold: bool


class Line(msgspec.Struct, frozen=True):
    """The segments at one height, from left to right."""

    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        """The text of the line."""
        return " ".join(segment.text for segment in self.segments)

    @property
    def left(self) -> float:
        """The left edge."""
        return self.segments[0].left

    @property
    def right(self) -> float:
        """The right edge."""
        return self.segments[-1].right

    @property
    def bottom(self) -> float:
        """The lower edge of its longest segment."""
        return max(self.segments, key=lambda segment: len(segment.text)).bottom

    @property
    def size(self) -> float:
        """The size of its longest segment."""
        return max(self.segments, key=lambda segment: len(segment.text)).size

    @property
    def is_bold(self) -> bool:
        """Whether the whole line is bold."""
        return all(segment.is_bold for segment in self.segments)


def segments_of(words: Iterable[Word]) -> list[Segment]:
    """Return the segments of a page, from top to bottom and left to right."""
    found: list[Segment] = []
    for row in _at_one_height([word for word in words if word.text.strip()]):
        run: list[Word] = []
        for word in sorted(row, key=lambda word: word.left):
            wide = bool(run) and word.left - run[-1].right > _WIDE * max(run[-1].size, word.size)
            if wide and not (len(run) == 1 and _MARKER.fullmatch(run[0].text)):
                found.append(_segment(run))
                run = []
            run.append(word)
        found.append(_segment(run))
    return found


def lines_of(segments: Sequence[Segment]) -> list[Line]:
    """Group the segments into lines by height."""
    rows = _at_one_height(segments)
    return [Line(segments=tuple(sorted(row, key=lambda segment: segment.left))) for row in rows]


def without_running_heads(pages: Sequence[Sequence[Segment]]) -> list[list[Segment]]:
    """Remove page numbers, and lines at the edges that most pages share except for a number."""
    edges = [_edges(page) for page in pages]
    counts = Counter(key for lines in edges for key in {key for key, _ in lines})
    least = max(3, 0.4 * len(pages))
    kept = []
    for page, lines in zip(pages, edges, strict=True):
        repeated = {
            id(segment)
            for key, line in lines
            if counts[key] >= least or _PAGE_NUMBER.fullmatch(line.text.strip())
            for segment in line.segments
        }
        # A page with only such lines keeps them.
        kept.append([segment for segment in page if id(segment) not in repeated] or list(page))
    return kept


def body_size(pages: Iterable[Iterable[Segment]]) -> float:
    """Return the most common size of letters."""
    letters: Counter[float] = Counter()
    for page in pages:
        for segment in page:
            letters[round(segment.size * 2) / 2] += len(segment.text)
    return letters.most_common(1)[0][0] if letters else 10.0


def _edges(page: Sequence[Segment]) -> list[tuple[str, Line]]:
    lines = lines_of(page)
    if len(lines) <= 2 * _EDGE_LINES:
        chosen = [*lines[:1], *lines[1:][-1:]]
    else:
        chosen = [*lines[:_EDGE_LINES], *lines[-_EDGE_LINES:]]
    chosen = [line for line in chosen if len(line.text.split()) <= _LONGEST_HEAD]
    return [("".join("#" if letter.isdigit() else letter for letter in line.text), line) for line in chosen]


def _at_one_height(boxes: Sequence[T]) -> list[list[T]]:
    rows: list[list[T]] = []
    for box in sorted(boxes, key=lambda box: (box.middle, box.left)):
        if rows and abs(box.middle - median(other.middle for other in rows[-1][-8:])) < 0.4 * min(
            box.height, rows[-1][-1].height
        ):
            rows[-1].append(box)
        else:
            rows.append([box])
    return rows


def _segment(run: Sequence[Word]) -> Segment:
    longest = max(run, key=lambda word: len(word.text))
    return Segment(
        left=run[0].left,
        top=min(word.top for word in run),
        right=max(word.right for word in run),
        bottom=max(word.bottom for word in run),
        text=_joined(run),
        size=longest.size,
        is_bold=all(word.is_bold for word in run),
    )


def _joined(run: Sequence[Word]) -> str:
    """Join the words with spaces, but without one if only a superscript or a change of font separates them."""
    text = run[0].text
    for before, word in pairwise(run):
        near = word.left - before.right < 0.08 * max(before.size, word.size)
        text += word.text if near else f" {word.text}"
    return text
