"""Assembles a document's text from blocks and remembers where each heading and page begins. Knows no file format."""

import re

from knowledge.documents import Document, Heading
from knowledge.errors import DocumentUnreadable

_SPACES = re.compile(r"[^\S\n]+")
_NUL_AND_SURROGATES = re.compile("[\x00\ud800-\udfff]")

MOST_CHARACTERS = 20_000_000
"""Extracted text beyond this is refused: some 10,000 pages, far above a document and below a machine's memory."""


class TextBuilder:
    """Collects blocks; between two of them stands one empty line."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._pages: list[int] = []

    def page(self) -> None:
        """Begin a page."""
        self._pages.append(self._length)

    def heading(self, level: int, title: str) -> None:
        """Add a heading as a block of its own."""
        title = " ".join(clean(title).split())
        if title:
            self._headings.append(Heading(level=level, start=self._length, title=title))
            self.block(title)

    def block(self, text: str) -> None:
        """Add a paragraph; empty ones are left out."""
        text = clean(text).strip()
        if not text:
            return
        self._length += len(text) + 2
        if self._length > MOST_CHARACTERS:
            raise DocumentUnreadable(f"too large: more than {MOST_CHARACTERS:,} characters of text")
        self._parts += (text, "\n\n")

    def document(self, title: str = "") -> Document:
        """The document; its first heading stands in for a missing title."""
        if not title.strip() and self._headings:
            title = self._headings[0].title
        return Document(
            text="".join(self._parts),
            title=" ".join(clean(title).split()),
            headings=tuple(self._headings),
            page_starts=tuple(self._pages),
        )


def clean(text: str) -> str:
    """The text with unix line ends, without NUL and lone surrogates, which no database and no tokenizer takes."""
    return _NUL_AND_SURROGATES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def squeeze(text: str) -> str:
    """Runs of spaces as one space; line ends stay."""
    return _SPACES.sub(" ", text).strip()


def decode(content: bytes) -> str:
    """The text of a file in UTF-8, UTF-16 with a byte order mark, or else Windows-1252, the usual legacy encoding."""
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
