"""The records of the knowledge base: a document is extracted text with its structure, a passage is a span of it."""

import hashlib
import os
from bisect import bisect_right
from collections.abc import Sequence

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all records."""


class Heading(Record, frozen=True):
    """A heading of the document: `level` 1 is the highest, `start` is its offset in the document's text. An empty title
    ends the headings of its level and below.
    """

    level: int
    start: int
    title: str


class Place(Record, frozen=True):
    """A part of the document that a citation names, such as "Rooms, row 3"; `start` is its offset."""

    start: int
    label: str


class Document(Record, frozen=True):
    """The document that a loader extracted from a file.

    All spans in the knowledge base are in characters of `text`. `page_starts` holds the offset of each page, and is
    empty if the format has no pages. `places` are in order; an empty label ends the place before it. `rows` are the
    spans of table rows, each with the headers of its cells.
    """

    text: str
    title: str = ""
    headings: tuple[Heading, ...] = ()
    page_starts: tuple[int, ...] = ()
    places: tuple[Place, ...] = ()
    rows: tuple[tuple[int, int], ...] = ()

    def place_at(self, offset: int) -> str:
        """Return the label of the place at the offset, empty if there is none."""
        number = bisect_right(self.places, offset, key=lambda place: place.start)
        return self.places[number - 1].label if number else ""

    def starts_heading(self, offset: int) -> bool:
        """Whether a heading starts at the offset."""
        number = bisect_right(self.headings, offset, key=lambda heading: heading.start)
        return number > 0 and self.headings[number - 1].start == offset

    def is_row(self, offset: int) -> bool:
        """Whether the offset is in a table row."""
        number = bisect_right(self.rows, offset, key=lambda row: row[0])
        return number > 0 and offset < self.rows[number - 1][1]

    def page_at(self, offset: int) -> int | None:
        """Return the page at the offset, counted from 1; None without pages."""
        return bisect_right(self.page_starts, offset) or None

    def headings_at(self, offset: int) -> tuple[str, ...]:
        """Return the titles of the headings above the offset, outermost first: `("Guide", "Install")`."""
        return HeadingPaths(self.headings).at(offset)


class HeadingPaths:
    """Finds the headings above an offset, for repeated queries to a document with many headings."""

    def __init__(self, headings: Sequence[Heading]) -> None:
        self._headings = headings
        self._above: list[int] = []
        for number, heading in enumerate(headings):
            above = number - 1
            while above >= 0 and headings[above].level >= heading.level:
                above = self._above[above]
            self._above.append(above)

    def at(self, offset: int) -> tuple[str, ...]:
        """Return the titles above the offset, outermost first."""
        number = bisect_right(self._headings, offset, key=lambda heading: heading.start) - 1
        path: list[str] = []
        while number >= 0:
            path.append(self._headings[number].title)
            number = self._above[number]
        return tuple(filter(None, reversed(path)))


class Passage(Record, frozen=True):
    """A span of a document, `text == document.text[start:end]`, that fits the embedder.

    `sentences` are the spans of its sentences in the document. `is_row` marks table rows.
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
    """A file that was read, with its document or the reason why it was skipped."""

    path: str
    size: int
    mtime_ns: int
    document: int | None
    reason: str = ""
    passages: int = 0


class Filters(Record, frozen=True):
    """Which files may answer: those in one of the folders, with one of the suffixes, changed in the time range (seconds
    since the epoch). Empty means all. Paths in `without` are excluded.
    """

    folders: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    after: float | None = None
    before: float | None = None
    without: frozenset[str] = frozenset()

    def allow(self, path: str, mtime_ns: int) -> bool:
        """Whether a file passes the filters."""
        seconds = mtime_ns / 1e9
        return (
            (not self.folders or any(path == folder or path.startswith(folder + os.sep) for folder in self.folders))
            and (not self.suffixes or path.lower().endswith(self.suffixes))
            and (self.after is None or seconds >= self.after)
            and (self.before is None or seconds < self.before)
            and path not in self.without
        )


class Hit(Record, frozen=True):
    """A passage found for a question. `score` is the combined score, or the cross-encoder's; `cosine` and `lexical` are
    the parts of the combined one, all 0 to 1. `coverage` is the share of the question's word weight in the passage,
    `sentence_coverage` that in its best sentence. `changed` is the file's modification time, in seconds since the
    epoch.
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
    """The result of a search. If `answerable` is False, the documents do not seem to contain the answer: `confidence`,
    from 0 to 1, is below the threshold, and the hits are the best misses. `words` are the question's words with their
    weights.
    """

    hits: tuple[Hit, ...]
    answerable: bool
    confidence: float
    seconds: float
    words: dict[str, float] = {}


def content_hash(content: bytes) -> str:
    """Return the hash of a content: 32 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(content).hexdigest()[:32]


def passage_id(document_hash: str, start: int, end: int) -> str:
    """Return the id of a passage: equal whenever the same content is split at the same place."""
    return hashlib.sha256(f"{document_hash}:{start}:{end}".encode()).hexdigest()[:16]
