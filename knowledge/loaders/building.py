"""Builds a document's text from blocks, and records where each heading, page, place and table row starts."""

import re
from collections.abc import Sequence

from knowledge.documents import Document, Heading, Place
from knowledge.errors import DocumentUnreadable

_SPACES = re.compile(r"[^\S\n]+")
_NUL_AND_SURROGATES = re.compile("[\x00\ud800-\udfff]")

MOST_CHARACTERS = 20_000_000
"""The maximum of extracted text: about 10,000 pages, more than any document has, and less than fills the memory."""
ROWS_ALONE = 2_000
"""If a document has at most this many table rows, each is a passage; otherwise several share one."""
_ROWS_TOGETHER = 400


class TextBuilder:
    """Collects blocks, separated by one empty line."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._pages: list[int] = []
        self._places: list[Place] = []
        self._rows: list[tuple[int, int, str]] = []

    def page(self) -> None:
        """Start a page."""
        self._pages.append(self._length)

    def place(self, label: str) -> None:
        """Start a place that citations name; an empty label ends it."""
        label = " ".join(clean(label).split())
        if (self._places[-1].label if self._places else "") != label:
            self._places.append(Place(start=self._length, label=label))

    def heading(self, level: int, title: str) -> None:
        """Add a heading as a separate block."""
        title = " ".join(clean(title).split())
        if title:
            self._headings.append(Heading(level=level, start=self._length, title=title))
            self.block(title)

    def block(self, text: str) -> None:
        """Add a paragraph; empty ones are left out."""
        text = clean(text).strip()
        if not text:
            return
        self._grow(len(text) + 2)
        self._parts += (text, "\n\n")

    def row(self, text: str, place: str = "") -> None:
        """Add a table row on one line."""
        text = " ".join(clean(text).split())
        if not text:
            return
        start = self._length
        self._grow(len(text) + 1)
        self._parts += (text, "\n")
        self._rows.append((start, start + len(text), place))

    def document(self, title: str = "") -> Document:
        """Return the document; if it has no title, its first heading is used."""
        if not title.strip() and self._headings:
            title = self._headings[0].title
        rows = [(start, end, label) for start, end, label in self._rows]
        if len(rows) > ROWS_ALONE:
            rows = _together(rows, {place.start for place in self._places} | {head.start for head in self._headings})
        return Document(
            text="".join(self._parts),
            title=" ".join(clean(title).split()),
            headings=tuple(self._headings),
            page_starts=tuple(self._pages),
            places=tuple(_with_rows(self._places, rows)),
            rows=tuple((start, end) for start, end, _ in rows),
        )

    def _grow(self, characters: int) -> None:
        self._length += characters
        if self._length > MOST_CHARACTERS:
            raise DocumentUnreadable(f"too large: more than {MOST_CHARACTERS:,} characters of text")


def _together(rows: Sequence[tuple[int, int, str]], edges: set[int]) -> list[tuple[int, int, str]]:
    """Join neighbouring rows, up to a passage's length."""
    groups: list[tuple[int, int, str]] = []
    for start, end, label in rows:
        if groups:
            first, last, before = groups[-1]
            if last + 1 == start and start not in edges and end - first <= _ROWS_TOGETHER:
                groups[-1] = (first, end, f"{before.partition('–')[0]}–{label.rpartition(' ')[2]}")
                continue
        groups.append((start, end, label))
    return groups


def _with_rows(places: Sequence[Place], rows: Sequence[tuple[int, int, str]]) -> list[Place]:
    """Return the places with those of the rows inside them; after a row the outer place continues."""
    starts = {start for start, _, label in rows if label}
    found = [(place.start, place.label) for place in places if place.start not in starts]
    outer = Document(text="", places=tuple(places))
    for start, end, label in rows:
        if label:
            around = outer.place_at(start)
            found.append((start, ", ".join(part for part in (around, label) if part)))
            if end + 1 not in starts:
                found.append((end + 1, outer.place_at(end + 1)))
    return [Place(start=start, label=label) for start, label in sorted(dict(reversed(found)).items())]


def clean(text: str) -> str:
    """Return the text with Unix line ends, without NUL and lone surrogates, which databases and tokenizers reject."""
    return _NUL_AND_SURROGATES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def squeeze(text: str) -> str:
    """Replace runs of spaces by one space; line ends stay."""
    return _SPACES.sub(" ", text).strip()


def decode(content: bytes) -> str:
    """Decode a text file: UTF-8, UTF-16 with a byte order mark, or else Windows-1252, the most
    common legacy encoding.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\x00" in content[:65536]:
        raise DocumentUnreadable("not a text file: it holds NUL bytes")
    else:
        encoding = "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    if len(text) > MOST_CHARACTERS:
        raise DocumentUnreadable(f"too large: more than {MOST_CHARACTERS:,} characters of text")
    return clean(text)
