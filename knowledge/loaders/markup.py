"""HTML pages and e-mail: the text that a reader sees, in blocks, with its headings. Fetches nothing."""

import warnings
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.building import TextBuilder, decode, squeeze

if TYPE_CHECKING:
    from bs4.element import Tag

_UNSEEN = ("script", "style", "template", "noscript", "nav", "svg", "iframe", "object", "head")
_BLOCK_NAMES = """
    address article aside blockquote body dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6
    header hr html li main ol p pre section summary table tbody td tfoot th thead tr ul
"""
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


def load_html(content: bytes) -> Document:
    """An HTML page: scripts, navigation and hidden parts are left out."""
    builder = TextBuilder()
    title = add_html(builder, content)
    return builder.document(title)


def load_mail(content: bytes) -> Document:
    """A message: sender, date and subject, then its text; of the attachments only the names."""
    message = message_from_bytes(content, policy=policy.default)
    if not message.keys():
        raise DocumentUnreadable("not an e-mail message: it has no header")
    builder = TextBuilder()
    builder.block("\n".join(f"{name}: {message[name]}" for name in ("From", "To", "Date", "Subject") if message[name]))
    body = message.get_body(preferencelist=("plain", "html"))
    if isinstance(body, EmailMessage):
        payload = body.get_payload(decode=True)
        raw = payload if isinstance(payload, bytes) else b""
        if body.get_content_type() == "text/html":
            add_html(builder, raw)
        else:
            builder.block(_decoded(raw, body.get_content_charset()))
    names = [name for part in message.iter_attachments() if (name := part.get_filename())]
    if names:
        builder.block("Attachments: " + ", ".join(names))
    return builder.document(str(message["Subject"] or ""))


def add_html(builder: TextBuilder, content: bytes) -> str:
    """Add what a reader of the page sees, and return the page's title."""
    from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning

    with warnings.catch_warnings():
        # A page may look like a path or like XML; it is read as HTML all the same.
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        # Bytes without a declared encoding are decoded here: guessing would read them differently from a text file.
        soup = BeautifulSoup(content if b"charset" in content[:4096] else decode(content), "lxml")
    title = soup.title.get_text() if soup.title else ""
    for tag in soup.find_all(_UNSEEN):
        tag.decompose()
    for tag in soup.select("[hidden]"):
        tag.decompose()
    _add_blocks(builder, soup)
    return title


def _add_blocks(builder: TextBuilder, root: "Tag") -> None:
    """Walk the tree without recursion: a page may be nested deeper than Python's stack."""
    from bs4.element import NavigableString, PreformattedString, Tag

    line: list[str] = []

    def flush() -> None:
        builder.block(squeeze("".join(line)))
        line.clear()

    stack: list[Tag | NavigableString | None] = [root]
    while stack:
        node = stack.pop()
        if node is None:
            flush()
        elif isinstance(node, NavigableString):
            if not isinstance(node, PreformattedString):  # a comment or a declaration
                line.append(str(node) if node.find_parent("pre") else " ".join(("x" + node + "x").split())[1:-1])
        elif node.name in _HEADINGS:
            flush()
            builder.heading(_HEADINGS[node.name], node.get_text(" "))
        elif node.name == "br":
            line.append("\n")
        elif node.name in {"td", "th"}:
            line.append(node.get_text(" ", strip=True) + " | ")
        else:
            if node.name in _BLOCKS:
                flush()
                stack.append(None)
            stack.extend(child for child in reversed(node.contents) if isinstance(child, Tag | NavigableString))


def _decoded(raw: bytes, charset: str | None) -> str:
    try:
        return raw.decode(charset or "utf-8")
    except (LookupError, UnicodeDecodeError):
        return decode(raw)
