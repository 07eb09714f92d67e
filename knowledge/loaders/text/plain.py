"""Reads text, Markdown, reStructuredText, Org and source code. The extracted text is the file's own, so that a span of
it is a place in the file.
"""

import re
from itertools import pairwise

import msgspec

from knowledge.documents import Document, Heading, Place
from knowledge.loaders.building import decode

_RST_LINE = re.compile(r"([=\-`:'\"~^_*+#<>.])\1{2,}\s*")
_DEFINITION = re.compile(
    r"^([ \t]*)((?:(?:export|public|private|protected|static|abstract|final|async|pub)\s+)*"
    r"(?:def|class|func|fn|function|interface|struct|enum|trait|impl|module)\s+\w+)",
    re.MULTILINE,
)
_ORG_HEADING = re.compile(
    r"^(\*+)[ \t]+(?:(?:TODO|DONE|NEXT|WAITING)[ \t]+)?(.+?)(?:[ \t]+:[\w:@]+:)?[ \t]*$", re.MULTILINE
)
_ORG_TITLE = re.compile(r"^#\+title:(.+)$", re.MULTILINE | re.IGNORECASE)
_TABLE = re.compile(
    r"^[ \t]*(\|?[^\n|]+\|[^\n]*)\n([ \t]*\|?[ \t]*:?-+:?[ \t]*(?:[|+][ \t:-]*)+)\n"
    r"((?:[ \t]*\|?[^\n|]+\|[^\n]*(?:\n|\Z))+)",
    re.MULTILINE,
)
_UNDER_ALL = 9
_MARKS = re.compile(r"[*_`]+|!?\[([^\]]*)\]\([^)]*\)")


def load_text(content: bytes) -> Document:
    """Read plain text, logs and chat exports; the first line is the title if it is short and stands alone."""
    text = decode(content)
    first, _, rest = text.lstrip().partition("\n")
    return Document(text=text, title=first.strip() if len(first) <= 80 and not rest.split("\n", 1)[0].strip() else "")


def load_markdown(content: bytes) -> Document:
    """Read Markdown source with its headings, ignoring those in code blocks."""
    from markdown_it import MarkdownIt

    text = decode(content)
    starts = _line_starts(text)
    headings: list[Heading] = []
    tokens = MarkdownIt("commonmark").parse(text)
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open" and opening.map:
            title = " ".join(_MARKS.sub(r"\1", inline.content).split())
            headings.append(Heading(level=int(opening.tag[1]), start=starts[opening.map[0]], title=title))
    return _titled(text, headings)


def load_rst(content: bytes) -> Document:
    """Read reStructuredText. A line underlined at its full length is a heading; levels follow the
    order of first use.
    """
    text = decode(content)
    lines = text.split("\n")
    starts = _line_starts(text)
    styles: list[str] = []
    headings: list[Heading] = []
    for number in range(1, len(lines)):
        title, under = lines[number - 1].rstrip(), lines[number].rstrip()
        if not title.strip() or not _RST_LINE.fullmatch(under) or len(under) < len(title) or _RST_LINE.fullmatch(title):
            continue
        # A heading with an overline is another style than one with the same underline only.
        above = lines[number - 2].rstrip() if number > 1 else ""
        style = under[0] * 2 if above == under else under[0]
        if style not in styles:
            styles.append(style)
        headings.append(Heading(level=styles.index(style) + 1, start=starts[number - 1], title=title.strip()))
    return _titled(text, headings)


def load_org(content: bytes) -> Document:
    """Read Org: lines that start with stars are headings; `#+TITLE` is the title."""
    text = decode(content)
    headings = [
        Heading(level=len(found[1]), start=found.start(), title=" ".join(found[2].split()))
        for found in _ORG_HEADING.finditer(text)
    ]
    title = _ORG_TITLE.search(text)
    document = _titled(text, headings)
    return msgspec.structs.replace(document, title=title[1].strip()) if title else document


def load_code(content: bytes) -> Document:
    """Read source code and configuration, with definitions as headings, nested by indentation."""
    text = decode(content)
    headings = [
        Heading(level=1 + len(found[1].expandtabs(4)) // 2, start=found.start(2), title=" ".join(found[2].split()))
        for found in _DEFINITION.finditer(text)
    ]
    return Document(text=text, headings=tuple(headings))


def _titled(text: str, headings: list[Heading]) -> Document:
    """Return the document with its tables: the header line of a table is the heading of each row."""
    title = headings[0].title if headings else ""
    places: list[Place] = []
    rows: list[tuple[int, int]] = []
    for number, table in enumerate(_TABLE.finditer(text), 1):
        names = " | ".join(cell.strip() for cell in table[1].strip().strip("|").split("|"))
        start = table.start(3)
        headings.append(Heading(level=_UNDER_ALL, start=start, title=names))
        for line, row in enumerate(table[3].splitlines(keepends=True), 1):
            places.append(Place(start=start, label=f"table {number}, row {line}: {names}"))
            rows.append((start, start + len(row.rstrip("\n"))))
            start += len(row)
        headings.append(Heading(level=_UNDER_ALL, start=start, title=""))
        places.append(Place(start=start, label=""))
    headings.sort(key=lambda heading: heading.start)
    return Document(text=text, title=title, headings=tuple(headings), places=tuple(places), rows=tuple(rows))


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts
