"""Write documents of many kinds from a title, paragraphs and a table, as common programs do."""

import io
import json
import os
import time
import tomllib
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import docx
import pptx
import xlsxwriter
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import BaseDocTemplate, Frame, PageBreak, PageTemplate, Paragraph, SimpleDocTemplate, Table

from tests.unit.knowledge.archived import old_sheet, zipped

COLLECTION = Path(__file__).parent / "fixtures" / "documents" / "collection.toml"
Described = dict[str, Any]
_STYLES = getSampleStyleSheet()
_ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    ' xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
)
_MANIFEST = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'


def described() -> list[Described]:
    """The documents of the collection, with their questions."""
    documents: list[Described] = tomllib.loads(COLLECTION.read_text(encoding="utf-8"))["document"]
    return documents


def write_collection(folder: Path) -> None:
    """Write all documents to the folder, with a modification time `age` days ago."""
    for document in described():
        path = folder / document["name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written(document))
        changed = time.time() - 86_400 * document.get("age", 100)
        os.utime(path, (changed, changed))


def written(document: Described) -> bytes:
    """The bytes of a document; the end of its name gives the format."""
    name = document["name"]
    suffix = next((ending for ending in WRITERS if name.endswith(ending)), ".txt")
    content = WRITERS[suffix](document)
    return content.encode() if isinstance(content, str) else content


def _plain(document: Described) -> str:
    return "\n\n".join(filter(None, [document["title"], *document["text"]])) + "\n"


def _chat(document: Described) -> str:
    return "\n".join(document["text"]) + "\n"


def _markdown(document: Described) -> str:
    lines = [f"# {document['title']}", *document["text"]]
    if rows := document.get("table"):
        drawn = ["| " + " | ".join(row) + " |" for row in rows]
        drawn.insert(1, "|---" * len(rows[0]) + "|")
        lines.append("\n".join(drawn))
    return "\n\n".join(lines) + "\n"


def _rst(document: Described) -> str:
    title = document["title"]
    return "\n\n".join([f"{title}\n{'=' * len(title)}", *document["text"]]) + "\n"


def _org(document: Described) -> str:
    return f"#+TITLE: {document['title']}\n\n" + "\n".join(f"* Note\n{text}" for text in document["text"]) + "\n"


def _latex(document: Described) -> str:
    text = "\n\n".join(text.replace("&", r"\&").replace("%", r"\%") for text in document["text"])
    head = rf"\documentclass{{article}}\title{{{document['title']}}}"
    return f"{head}\n\\begin{{document}}\n\\section{{{document['title']}}}\n{text}\n\\end{{document}}\n"


def _html(document: Described) -> str:
    parts = [f"<h1>{escape(document['title'])}</h1>", *(f"<p>{escape(text)}</p>" for text in document["text"])]
    if rows := document.get("table"):
        head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows[1:])
        parts.append(f"<table><tr>{head}</tr>{body}</table>")
    head = f"<head><meta charset='utf-8'><title>{document['title']}</title></head>"
    return f"<html>{head}<body>{''.join(parts)}</body></html>"


def _epub(document: Described) -> bytes:
    page = "<html xmlns='http://www.w3.org/1999/xhtml'><head><title>x</title></head><body><p>{}</p></body></html>"
    texts = document["text"]
    items = "".join(
        f'<item id="p{n}" href="p{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(len(texts))
    )
    spine = "".join(f'<itemref idref="p{n}"/>' for n in range(len(texts)))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        f"<dc:title>{document['title']}</dc:title></metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="book.opf"/></rootfiles></container>'
    )
    pages = {f"p{n}.xhtml": page.format(escape(text)) for n, text in enumerate(texts)}
    return zipped(
        {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "book.opf": package, **pages}
    )


def _pdf(document: Described) -> bytes:
    written = io.BytesIO()
    parts: list[Any] = [Paragraph(document["title"], _STYLES["Heading1"])]
    for text in document["text"]:
        parts.append(Paragraph(text, _STYLES["BodyText"]))
        if document.get("pages"):
            parts.append(PageBreak())
    if rows := document.get("table"):
        parts.append(Table(rows))
    SimpleDocTemplate(written, pagesize=A4, title=document["title"]).build(parts)
    return written.getvalue()


def _columns(document: Described) -> bytes:
    written = io.BytesIO()
    template = BaseDocTemplate(written, pagesize=A4, title=document["title"])
    frames = [Frame(40 + 265 * n, 640, 250, 130) for n in range(2)]
    template.addPageTemplates([PageTemplate(frames=frames)])
    template.build([Paragraph(text, _STYLES["BodyText"]) for text in document["text"]])
    return written.getvalue()


def _word(document: Described) -> bytes:
    file = docx.Document()
    file.core_properties.title = document["title"]
    if header := document.get("header"):
        file.sections[0].header.paragraphs[0].text = header
    file.add_heading(document["title"], level=1)
    for text in document["text"]:
        file.add_paragraph(text)
    if rows := document.get("table"):
        table = file.add_table(rows=0, cols=len(rows[0]))
        for row in rows:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text
    written = io.BytesIO()
    file.save(written)
    return written.getvalue()


def _slides(document: Described) -> bytes:
    deck = pptx.Presentation()
    for text in document["text"]:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = document["title"]
        slide.placeholders[1].text = text
    slide.notes_slide.notes_text_frame.text = document.get("notes", "")
    written = io.BytesIO()
    deck.save(written)
    return written.getvalue()


def _sheet(document: Described) -> bytes:
    written = io.BytesIO()
    book = xlsxwriter.Workbook(written)
    page = book.add_worksheet("Sheet 1")
    page.write(0, 0, document["title"])
    for number, row in enumerate(document["table"], 2):
        page.write_row(number, 0, [float(cell) if cell.isdigit() else cell for cell in row])
    book.close()
    return written.getvalue()


def _odf(body: str, kind: str) -> bytes:
    content = f"<office:document-content {_ODF}><office:body>{body}</office:body></office:document-content>"
    mime = f"application/vnd.oasis.opendocument.{kind}"
    return zipped({"mimetype": mime, "META-INF/manifest.xml": _MANIFEST, "content.xml": content})


def _open_text(document: Described) -> bytes:
    paragraphs = "".join(f"<text:p>{escape(text)}</text:p>" for text in document["text"])
    return _odf(f"<office:text><text:h>{document['title']}</text:h>{paragraphs}</office:text>", "text")


def _open_slides(document: Described) -> bytes:
    pages = "".join(
        f"<draw:page><draw:frame><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame></draw:page>"
        for text in document["text"]
    )
    return _odf(f"<office:presentation>{pages}</office:presentation>", "presentation")


def _open_sheet(document: Described) -> bytes:
    def line(cells: list[str]) -> str:
        inside = "".join(
            f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in cells
        )
        return f"<table:table-row>{inside}</table:table-row>"

    rows = line([document["title"]]) + line([""]) + "".join(map(line, document["table"]))
    return _odf(
        f'<office:spreadsheet><table:table table:name="Sheet 1">{rows}</table:table></office:spreadsheet>',
        "spreadsheet",
    )


def _rtf(document: Described) -> str:
    return r"{\rtf1\ansi " + "".join(rf"\pard {text}\par " for text in [document["title"], *document["text"]]) + "}"


def _separated(separator: str) -> Callable[[Described], str]:
    return lambda document: "".join(separator.join(row) + "\n" for row in document["table"])


def _notebook(document: Described) -> str:
    sources = [f"# {document['title']}", *document["text"]]
    return json.dumps({"nbformat": 4, "cells": [{"cell_type": "markdown", "source": [source]} for source in sources]})


def _mail(document: Described) -> str:
    body = "\n\n".join(document["text"])
    head = "From: Ada <ada@example.org>\nTo: Bo <bo@example.org>\nDate: Mon, 2 Mar 2026 09:00:00 +0100\n"
    return f"{head}Subject: {document['title']}\n\n{body}\n"


def _mailbox(document: Described) -> str:
    messages = [_mail({**document, "text": [text]}) for text in document["text"]]
    return "".join(f"From ada@example.org Mon Mar  2 09:00:00 2026\n{message}\n" for message in messages)


def _cues(document: Described) -> str:
    cues = [
        f"00:00:{4 * n:02}.000 --> 00:00:{4 * n + 3:02}.000\n<v {text.partition(': ')[0]}>{text.partition(': ')[2]}"
        for n, text in enumerate(document["text"])
    ]
    return "WEBVTT\n\n" + "\n\n".join(cues) + "\n"


def _subtitles(document: Described) -> str:
    return "".join(
        f"{n}\n00:00:{4 * n:02},000 --> 00:00:{4 * n + 3:02},000\n{text}\n\n"
        for n, text in enumerate(document["text"], 1)
    )


WRITERS: dict[str, Callable[[Described], str | bytes]] = {
    ".columns.pdf": _columns,
    ".pdf": _pdf,
    ".docx": _word,
    ".pptx": _slides,
    ".xlsx": _sheet,
    ".xls": lambda document: old_sheet(),
    ".ods": _open_sheet,
    ".odt": _open_text,
    ".odp": _open_slides,
    ".rtf": _rtf,
    ".epub": _epub,
    ".html": _html,
    ".md": _markdown,
    ".rst": _rst,
    ".tex": _latex,
    ".org": _org,
    ".csv": _separated(","),
    ".tsv": _separated("\t"),
    ".json": _chat,
    ".jsonl": _chat,
    ".ipynb": _notebook,
    ".eml": _mail,
    ".host:2,S": _mail,
    ".mbox": _mailbox,
    ".vtt": _cues,
    ".srt": _subtitles,
    ".chat": _chat,
    ".py": _chat,
    ".toml": _chat,
    ".txt": _plain,
}
