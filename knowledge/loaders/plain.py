"""Text, Markdown, reStructuredText and source code: the extracted text is the file's own, so that a span of it is a
place in the file.
"""

import re
from itertools import pairwise

from knowledge.documents import Document, Heading
from knowledge.loaders.building import decode

_RST_LINE = re.compile(r"([=\-`:'\"~^_*+#<>.])\1{2,}\s*")
_DEFINITION = re.compile(
    r"^([ \t]*)((?:(?:export|public|private|protected|static|abstract|final|async|pub)\s+)*"
    r"(?:def|class|func|fn|function|interface|struct|enum|trait|impl|module)\s+\w+)",
    re.MULTILINE,
)
_MARKS = re.compile(r"[*_`]+|!?\[([^\]]*)\]\([^)]*\)")


def load_text(content: bytes) -> Document:
    """Plain text, logs and chat exports; the first line is the title where it is short and stands alone."""
    text = decode(content)
    first, _, rest = text.lstrip().partition("\n")
    return Document(text=text, title=first.strip() if len(first) <= 80 and not rest.split("\n", 1)[0].strip() else "")


def load_markdown(content: bytes) -> Document:
    """Markdown source with its headings; code blocks hold no headings."""
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
    """reStructuredText: a line underlined at its full length is a heading; its level is the order of first use."""
    text = decode(content)
    lines = text.split("\n")
    starts = _line_starts(text)
    styles: list[str] = []
    headings: list[Heading] = []
    for number in range(1, len(lines)):
        title, under = lines[number - 1].rstrip(), lines[number].rstrip()
        if not title.strip() or not _RST_LINE.fullmatch(under) or len(under) < len(title) or _RST_LINE.fullmatch(title):
            continue
        # An overlined heading is another style than the same character under it alone.
        above = lines[number - 2].rstrip() if number > 1 else ""
        style = under[0] * 2 if above == under else under[0]
        if style not in styles:
            styles.append(style)
        headings.append(Heading(level=styles.index(style) + 1, start=starts[number - 1], title=title.strip()))
    return _titled(text, headings)


def load_code(content: bytes) -> Document:
    """Source code and configuration; definitions stand as headings, nested by their indentation."""
    text = decode(content)
    headings = [
        Heading(level=1 + len(found[1].expandtabs(4)) // 2, start=found.start(2), title=" ".join(found[2].split()))
        for found in _DEFINITION.finditer(text)
    ]
    return Document(text=text, headings=tuple(headings))


def _titled(text: str, headings: list[Heading]) -> Document:
    return Document(text=text, title=headings[0].title if headings else "", headings=tuple(headings))


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts
