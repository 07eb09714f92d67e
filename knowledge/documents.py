"""The nouns of the knowledge base: a document is extracted text with its structure, a passage is a span of it."""

import hashlib
import os
from bisect import bisect_right
from collections.abc import Sequence

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every record."""


class Heading(Record, frozen=True):
    """A heading of the document: `level` 1 is the highest, `start` is where its text begins in the document's text. One
    with an empty title ends those of its level and below.
    """

    level: int
    start: int
    title: str


class Place(Record, frozen=True):
    """A part of the document that a citation names, such as "Rooms, row 3": it begins at `start`."""

    start: int
    label: str


class Document(Record, frozen=True):
    """What a loader took from a file.

    Every span anywhere in the knowledge base counts characters of `text`. `page_starts` holds the offset at which each
    page begins, and is empty where the format has no pages. `places` are in order; one with an empty label ends the
    one before it. `rows` are the spans of table rows, each with the headers of its cells.
    """

    text: str
    title: str = ""
    headings: tuple[Heading, ...] = ()
    page_starts: tuple[int, ...] = ()
    places: tuple[Place, ...] = ()
    rows: tuple[tuple[int, int], ...] = ()

    def place_at(self, offset: int) -> str:
        """The label of the place that the offset lies in, empty where it has none."""
        number = bisect_right(self.places, offset, key=lambda place: place.start)
        return self.places[number - 1].label if number else ""

    def starts_heading(self, offset: int) -> bool:
        """Whether a heading begins at the offset."""
        number = bisect_right(self.headings, offset, key=lambda heading: heading.start)
        return number > 0 and self.headings[number - 1].start == offset

    def is_row(self, offset: int) -> bool:
        """Whether the offset lies in a table row."""
        number = bisect_right(self.rows, offset, key=lambda row: row[0])
        return number > 0 and offset < self.rows[number - 1][1]

    def page_at(self, offset: int) -> int | None:
        """The page, counted from 1, that the offset lies on."""
        return bisect_right(self.page_starts, offset) or None

    def headings_at(self, offset: int) -> tuple[str, ...]:
        """The titles above the offset, outermost first: `("Guide", "Install")`."""
        return HeadingPaths(self.headings).at(offset)


class HeadingPaths:
    """The titles above any offset, for many questions to a document of many headings."""

    def __init__(self, headings: Sequence[Heading]) -> None:
        self._headings = headings
        self._above: list[int] = []
        for number, heading in enumerate(headings):
            above = number - 1
            while above >= 0 and headings[above].level >= heading.level:
                above = self._above[above]
            self._above.append(above)

    def at(self, offset: int) -> tuple[str, ...]:
        """The titles, outermost first."""
        number = bisect_right(self._headings, offset, key=lambda heading: heading.start) - 1
        path: list[str] = []
        while number >= 0:
            path.append(self._headings[number].title)
            number = self._above[number]
        return tuple(filter(None, reversed(path)))


class Passage(Record, frozen=True):
    """A span of a document, `text == document.text[start:end]`, small enough for the embedder.

    `sentences` are the spans of its sentences, in characters of the document. `is_row` marks table rows.
    """

    start: int
    end: int
    text: str
    page: int | None = None
    headings: tuple[str, ...] = ()
    sentences: tuple[tuple[int, int], ...] = ()
    place: str = ""
    is_row: bool = False


class File(Record, frozen=True):
    """A file that was read: with a document, or with the reason why it was skipped."""

    path: str
    size: int
    mtime_ns: int
    document: int | None
    reason: str = ""
    passages: int = 0


class Filters(Record, frozen=True):
    """Which files may answer: below one of the folders, of one of the suffixes, changed in the time span (seconds since
    the epoch). Empty means all. Those of the paths in `without` may not.
    """

    folders: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    after: float | None = None
    before: float | None = None
    without: frozenset[str] = frozenset()

    def allow(self, path: str, mtime_ns: int) -> bool:
        """Whether a file passes."""
        seconds = mtime_ns / 1e9
        return (
            (not self.folders or any(path == folder or path.startswith(folder + os.sep) for folder in self.folders))
            and (not self.suffixes or path.lower().endswith(self.suffixes))
            and (self.after is None or seconds >= self.after)
            and (self.before is None or seconds < self.before)
            and path not in self.without
        )


class Hit(Record, frozen=True):
    """A passage found for a question. `score` is the fused score, or the cross-encoder's, `cosine` and `lexical` are
    the parts of the fused one, all 0 to 1. `coverage` is the share of what the question asks about that the passage
    holds, `sentence_coverage` the share that its best sentence holds. `changed` is when the file was last changed, in
    seconds since the epoch.
    """

    passage_id: str
    document: str
    title: str
    page: int | None
    start: int
    end: int
    text: str
    headings: tuple[str, ...]
    score: float
    cosine: float
    lexical: float
    coverage: float = 0.0
    sentence_coverage: float = 0.0
    place: str = ""
    is_row: bool = False
    changed: float = 0.0


class SearchResult(Record, frozen=True):
    """What was found. Where `answerable` is False the documents do not seem to hold the answer: `confidence`, from 0
    to 1, lies below the threshold, and the hits are the best misses. `words` are the question's, each with its weight.
    """

    hits: tuple[Hit, ...]
    answerable: bool
    confidence: float
    seconds: float
    words: dict[str, float] = {}


def content_hash(content: bytes) -> str:
    """The name of a content: 32 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(content).hexdigest()[:32]


def passage_id(document_hash: str, start: int, end: int) -> str:
    """The name of a passage: the same wherever the same content is cut at the same place."""
    return hashlib.sha256(f"{document_hash}:{start}:{end}".encode()).hexdigest()[:16]
