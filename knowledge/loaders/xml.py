"""Parses untrusted XML safely: without entities, network access or deep trees."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from knowledge.errors import DocumentUnreadable

if TYPE_CHECKING:
    from lxml.etree import _Element


def parse_xml(content: bytes) -> "_Element":
    """Return the root. Files that declare entities are refused, because entities may expand without end."""
    from lxml import etree

    if b"<!ENTITY" in content:
        raise DocumentUnreadable("its XML declares entities: refused, as they may expand without end")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise DocumentUnreadable(f"damaged: its XML breaks off in line {error.lineno or 1}") from error


def text_of(
    root: "_Element", *, unseen: Collection[str] = (), spaces: Collection[str] = (), breaks: Collection[str] = ()
) -> str:
    """Return the text below a node; elements in `unseen` are skipped, those in `spaces` become a space, those in
    `breaks` a line break.
    """
    parts: list[str] = []
    stack: list[_Element | str] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            parts.append(node)
            continue
        if node is not root and node.tail:
            stack.append(node.tail)
        if not isinstance(node.tag, str) or node.tag in unseen:
            continue
        if node.tag in spaces:
            parts.append(" ")
        elif node.tag in breaks:
            parts.append("\n")
        stack.extend(reversed(list(node)))
        if node.text:
            stack.append(node.text)
    return "".join(parts)
