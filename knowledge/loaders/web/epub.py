"""Reads e-books (.epub): the pages in their archive, in reading order."""

import io
import posixpath
import zipfile
from urllib.parse import unquote

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.archives import check_archive
from knowledge.loaders.building import TextBuilder
from knowledge.loaders.web.html import add_html
from knowledge.loaders.xml import parse_xml

_PAGES = frozenset({"application/xhtml+xml", "text/html"})
_OPF = "{http://www.idpf.org/2007/opf}"
_CONTAINER = "META-INF/container.xml"


def load_epub(content: bytes) -> Document:
    """Read the pages in the spine, except tables of contents."""
    check_archive(content, "EPUB")
    builder = TextBuilder()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
        if "META-INF/rights.xml" in names:
            raise DocumentUnreadable("encrypted: its text is locked by copy protection")
        if _CONTAINER not in names:
            raise DocumentUnreadable("damaged: not a complete EPUB file")
        place = parse_xml(archive.read(_CONTAINER)).find(".//{*}rootfile")
        package_name = place.get("full-path", "") if place is not None else ""
        if package_name not in names:
            raise DocumentUnreadable("damaged: not a complete EPUB file")
        package = parse_xml(archive.read(package_name))
        items = {item.get("id"): item for item in package.iter(f"{_OPF}item")}
        folder = posixpath.dirname(package_name)
        section = 0
        for reference in package.iter(f"{_OPF}itemref"):
            item = items.pop(reference.get("idref"), None)  # a page listed twice is read once
            if item is None or item.get("media-type") not in _PAGES or "nav" in item.get("properties", "").split():
                continue
            name = posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))
            if name in names:
                section += 1
                builder.place(f"section {section}")
                add_html(builder, archive.read(name))
        title = package.find(".//{http://purl.org/dc/elements/1.1/}title")
    return builder.document((title.text or "") if title is not None else "")
