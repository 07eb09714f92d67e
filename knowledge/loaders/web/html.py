"""Reads HTML pages: the visible text, in blocks, with its headings. Fetches nothing."""

import warnings
from typing import TYPE_CHECKING

from knowledge.documents import Document
from knowledge.loaders.building import TextBuilder, decode, squeeze
from knowledge.loaders.rows import add_table

if TYPE_CHECKING:
    from bs4.element import NavigableString, Tag

_UNSEEN = ("script", "style", "template", "noscript", "nav", "svg", "iframe", "object", "head")
_BLOCK_NAMES = """
    address article aside blockquote body dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6
    header hr html li main ol p pre section summary table tbody td tfoot th thead tr ul
"""
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_NOT_IN_CELLS = ("h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "pre", "form")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


def load_html(content: bytes) -> Document:
    """Read an HTML page without scripts, navigation and hidden parts."""
    builder = TextBuilder()
    title = add_html(builder, content)
    return builder.document(title)


def add_html(builder: TextBuilder, content: bytes) -> str:
    """Add the visible text of the page, and return its title."""
    from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning

    with warnings.catch_warnings():
        # A page may look like a path or like XML; it is read as HTML anyway.
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        # Bytes without a declared encoding are decoded here, so that they are read like a text file.
        soup = BeautifulSoup(content if b"charset" in content[:4096] else decode(content), "lxml")
    title = soup.title.get_text() if soup.title else ""
    for tag in soup.find_all(_UNSEEN):
        tag.decompose()
    for tag in soup.select("[hidden]"):
        tag.decompose()
    _add_blocks(builder, soup)
    return title


def _add_blocks(builder: TextBuilder, root: "Tag") -> None:
    """Walk the tree without recursion, because a page may be nested deeper than Python's stack."""
    from bs4.element import NavigableString, Tag

    line: list[str] = []
    tables = 0

    def flush() -> None:
        builder.block(squeeze("".join(line)))
        line.clear()

    stack: list[Tag | NavigableString | None] = [root]
    while stack:
        node = stack.pop()
        if node is None:
            flush()
        elif isinstance(node, NavigableString):
            line.append(_text(node))
        elif node.name in _HEADINGS:
            flush()
            builder.heading(_HEADINGS[node.name], node.get_text(" "))
        elif node.name == "table" and (rows := _rows(node)):
            flush()
            tables += 1
            add_table(builder, rows, place=f"table {tables}, row {{}}", has_header=_has_header(node))
        elif node.name == "br":
            line.append("\n")
        elif node.name in {"td", "th"}:
            line.append(node.get_text(" ", strip=True) + " | ")
        else:
            if node.name in _BLOCKS:
                flush()
                stack.append(None)
            stack.extend(child for child in reversed(node.contents) if isinstance(child, Tag | NavigableString))


def _text(node: "NavigableString") -> str:
    from bs4.element import PreformattedString

    if isinstance(node, PreformattedString):  # a comment or a declaration
        return ""
    return str(node) if node.find_parent("pre") else " ".join(("x" + node + "x").split())[1:-1]


def _rows(table: "Tag") -> list[list[str]]:
    """Return the cells of a data table, its caption first; none if the table only lays out the page."""
    if table.find("table") or table.find(list(_NOT_IN_CELLS)):
        return []
    caption = table.find("caption")
    rows = [[cell.get_text(" ", strip=True) for cell in row.find_all(["td", "th"])] for row in table.find_all("tr")]
    if len(rows) < 2 or max(map(len, rows)) < 2:
        return []
    return [*([[caption.get_text(" ", strip=True)]] if caption else []), *rows]


def _has_header(table: "Tag") -> bool | None:
    first = table.find("tr")
    return True if first is not None and len(first.find_all("th")) > 1 else None
