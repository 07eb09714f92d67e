"""Hostile files by name, with part of the reason for which each is refused, or "" if it is read."""

import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SLIDE = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    ' xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
)
_ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
)
_LAUGHS = (
    '<!DOCTYPE a [<!ENTITY e0 "ha">' + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12)) + "]>"
)
_PARAGRAPH = "<w:p><w:r><w:t>a</w:t></w:r></w:p>"
_BOMB = " " * 20_000_000
Parts = Mapping[str, bytes | str]


class Hostile(NamedTuple):
    """A function that makes the file, and part of the reason for which it is refused, empty if it is read."""

    make: Callable[[], bytes]
    reason: str = ""


def _zip(parts: Parts) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return written.getvalue()


def _replaced(content: bytes, parts: Parts) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return _zip({**{name: archive.read(name) for name in archive.namelist()}, **parts})


def _docx(body: str, head: str = "", more: Parts | None = None) -> bytes:
    import docx

    written = io.BytesIO()
    docx.Document().save(written)
    page = f'{head}<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'
    return _replaced(written.getvalue(), {"word/document.xml": page, **(more or {})})


def _xlsx(cells: str, more: Parts | None = None) -> bytes:
    import xlsxwriter

    written = io.BytesIO()
    with xlsxwriter.Workbook(written) as book:
        book.add_worksheet().write("A1", "a")
    page = f'<worksheet xmlns="{_SHEET}"><sheetData>{cells}</sheetData></worksheet>'
    return _replaced(written.getvalue(), {"xl/worksheets/sheet1.xml": page, **(more or {})})


def _pptx(text: str, head: str = "") -> bytes:
    from pptx import Presentation

    source = Presentation()
    source.slides.add_slide(source.slide_layouts[6])
    written = io.BytesIO()
    source.save(written)
    shape = f"<p:sp><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
    tree = f"<p:cSld><p:spTree><p:nvGrpSpPr/><p:grpSpPr/>{shape}</p:spTree></p:cSld>"
    return _replaced(written.getvalue(), {"ppt/slides/slide1.xml": f"{head}<p:sld {_SLIDE}>{tree}</p:sld>"})


def _odt(body: str, head: str = "") -> bytes:
    inside = f"<office:body><office:text>{body}</office:text></office:body>"
    return _zip({"content.xml": f"{head}<office:document-content {_ODF}>{inside}</office:document-content>"})


def _epub(page: str, references: int = 1, head: str = "") -> bytes:
    item = '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
    spine = '<itemref idref="a"/>' * references
    package = (
        f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{item}</manifest><spine>{spine}</spine></package>'
    )
    container = '<container><rootfiles><rootfile full-path="p.opf"/></rootfiles></container>'
    return _zip({"META-INF/container.xml": container, "p.opf": head + package, "a.xhtml": page})


def pdf_of(page: bytes, kids: str = "3 0 R", form: bytes = b"<<>>") -> bytes:
    """A PDF whose pages all have this content."""
    packed = zlib.compress(page, 9)
    resources = b"/Resources<</Font<</F 5 0 R>>/XObject<</X 6 0 R>>>>"
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids.encode(), kids.count("R")),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R" + resources + b">>",
        b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        form,
    )
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % numbered for numbered in enumerate(objects, 1))
    return b"%PDF-1.5\n" + body + b"trailer<</Root 1 0 R/Size 7>>\n%%EOF"


_CIRCLE = (
    b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 6 0 R>>>>/Length 5>>stream\n/X Do\nendstream"
)
_WIDE = "<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val='1000000000'/></w:tcPr>" + _PARAGRAPH + "</w:tc></w:tr></w:tbl>"
_LONG_CELL = "<table:table-cell table:number-columns-repeated='100'><text:p>" + "ab " * 100_000 + "</text:p>"
_SHARED = "<row><c r='A1' t='s'><v>0</v></c></row>"
_FAR = "<row r='1'><c r='A1'><v>1</v></c></row><row r='1048576'><c r='XFD1048576'><v>1</v></c></row>"

FILES: Mapping[str, Hostile] = {
    "bomb.docx": Hostile(lambda: _docx(_BOMB), "zip bomb"),
    "bomb.xlsx": Hostile(lambda: _xlsx(_BOMB), "zip bomb"),
    "bomb.pptx": Hostile(lambda: _pptx(_BOMB), "zip bomb"),
    "bomb.epub": Hostile(lambda: _epub(_BOMB), "zip bomb"),
    "bomb.odt": Hostile(lambda: _odt(_BOMB), "zip bomb"),
    "laughs.docx": Hostile(lambda: _docx("<w:p><w:r><w:t>&e11;</w:t></w:r></w:p>", _LAUGHS), "damaged"),
    "laughs.pptx": Hostile(lambda: _pptx("&e11;", _LAUGHS), "damaged"),
    "laughs.xlsx": Hostile(lambda: _xlsx(_SHARED, {"xl/sharedStrings.xml": _LAUGHS + "<sst>&e11;</sst>"}), "damaged"),
    "laughs.odt": Hostile(lambda: _odt("<text:p>&e11;</text:p>", _LAUGHS), "declares entities"),
    "laughs.epub": Hostile(lambda: _epub("<p>a</p>", head=_LAUGHS), "declares entities"),
    "laughs.html": Hostile(lambda: (_LAUGHS + "<p>&e11; harbour").encode()),
    "macros.docx": Hostile(lambda: _docx(_PARAGRAPH, more={"word/vbaProject.bin": b"a"}), "holds macros"),
    "macros.xlsx": Hostile(lambda: _xlsx("", {"xl/vbaProject.bin": b"a"}), "holds macros"),
    "wide.docx": Hostile(lambda: _docx(_WIDE), "damaged: a cell of 1,000,000,000 columns"),
    "far.xlsx": Hostile(lambda: _xlsx(_FAR), "too large: 17,179,869,184 cells"),
    "cells.odt": Hostile(
        lambda: _odt(f"<table:table><table:table-row>{_LONG_CELL}</table:table-cell></table:table-row></table:table>")
    ),
    "deep.docx": Hostile(lambda: _docx("<w:sdt>" * 9_000 + "</w:sdt>" * 9_000), "damaged"),
    "deep.odt": Hostile(lambda: _odt("<text:section>" * 9_000 + "</text:section>" * 9_000), "damaged"),
    "deep.html": Hostile(lambda: b"<div>" * 100_000 + b"harbour"),
    "deep.json": Hostile(lambda: b"[" * 1_000_000, "nested too deeply"),
    "deep.ipynb": Hostile(lambda: b'{"cells":' + b"[" * 1_000_000, "damaged"),
    "deep.tex": Hostile(lambda: b"{" * 100_000 + b"a", "damaged"),
    "deep.rtf": Hostile(lambda: b"{\\rtf" + b"{" * 100_000 + b"harbour"),
    "again.epub": Hostile(lambda: _epub("<i></i>" * 100_000 + "harbour", 100_000)),
    "circle.pdf": Hostile(lambda: pdf_of(b"/X Do", form=_CIRCLE), "no text in it"),
    "circle-of-pages.pdf": Hostile(lambda: pdf_of(b"", kids="2 0 R"), "damaged"),
    "messages.mbox": Hostile(lambda: b"From a Mon Jan 1 2024\nSubject: a\n\nx\n" * 5_000),
    "headings.md": Hostile(lambda: b"## a\n" * 50_000),
    "one-letter.txt": Hostile(lambda: b"a" * 2_000_000),
    "nul.txt": Hostile(lambda: b"a" + b"\0" * 1_000, "not a text file"),
}

LARGE: Mapping[str, Hostile] = {
    "q.pdf": Hostile(lambda: pdf_of(b"q " * 2**27), "memory"),
    "text.pdf": Hostile(lambda: pdf_of(b"BT /F 9 Tf " + b"(harbour) Tj " * 5_000_000 + b"ET"), "memory"),
    "dense.pdf": Hostile(
        lambda: pdf_of(b"BT /F 9 Tf " + b"(a) Tj 3 3 Td " * 5_000 + b"ET", kids="3 0 R " * 2_000), "takes more than"
    ),
    "header.eml": Hostile(lambda: b"Subject: " + b"=?utf-8?q?a?= " * 300_000 + b"\n\na", "memory"),
    "paths.json": Hostile(lambda: json.dumps({"k" * 1_000_000: [[1]] * 100_000}).encode(), "takes too much memory"),
    "messages.mbox": Hostile(lambda: b"From a Mon Jan 1 2024\nSubject: a\n\nx\n" * 50_000),
}
"""Files that would take minutes or gigabytes without limits."""


def write_folder(folder: Path) -> dict[str, str]:
    """Write a hostile folder, and return part of the reason for each refused file, by name.

    It has a named pipe, links that form a loop or lead to endless files, a sparse file of 2 GB, invalid ignore
    patterns, an unreadable file and deep folders.
    """
    os.mkfifo(folder / "pipe.txt")
    (folder / "sparse.txt").touch()
    os.truncate(folder / "sparse.txt", 2 * 2**30)
    (folder / "zero.txt").symlink_to("/dev/zero")
    (folder / "one.txt").symlink_to("two.txt")
    (folder / "two.txt").symlink_to("one.txt")
    (folder / "again").symlink_to(folder)
    (folder / ".gitignore").write_bytes(b"!\n[z-a\n***/a\n\xff\n" + b"**/" * 500 + b"b\n")
    deep = folder
    for _ in range(100):
        deep = deep / "deep"
    deep.mkdir(parents=True)
    (deep / "found.txt").write_text("The lighthouse keeper is called Ottilie.")
    closed = folder / "closed.txt"
    closed.write_text("secret")
    closed.chmod(0)
    refused = {"pipe.txt": "not a regular file", "sparse.txt": "too large: 2,048 MiB", "zero.txt": "not a regular file"}
    refused |= dict.fromkeys(("one.txt", "two.txt"), "cannot be opened")
    return refused if os.geteuid() == 0 else refused | {"closed.txt": "cannot be opened: permission denied"}
