"""PDF and Word files through pypdf and python-docx. Damaged, encrypted, scanned and exploding ones are refused with the
reason.
"""

import io
import logging
import re
import zipfile
from typing import TYPE_CHECKING

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.building import TextBuilder

if TYPE_CHECKING:
    from pypdf import PdfReader

_MOST_UNPACKED = 256 * 2**20
_MOST_MARKUP = 32 * 2**20
"""Of one part of a Word file: some 3,000 pages, and ten times that in memory once it is parsed."""
_MOST_RATIO = 200
_HEADING_STYLE = re.compile(r"heading (\d)", re.IGNORECASE)


def load_pdf(content: bytes) -> Document:
    """A PDF with its pages."""
    from pypdf import PdfReader

    # What it finds odd in a file would be printed over the screen: a file is read, or its one reason is given.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted and not _opens_without_password(reader):
        raise DocumentUnreadable("encrypted: save a copy without its password")
    builder = TextBuilder()
    letters = 0
    for page in reader.pages:
        text = page.extract_text()
        letters += sum(map(str.isalnum, text))
        builder.page()
        builder.block(text)
    if not letters:
        raise DocumentUnreadable("no text in it, perhaps a scan: run it through text recognition (OCR) first")
    return builder.document(str((reader.metadata.title if reader.metadata else None) or ""))


def _opens_without_password(reader: "PdfReader") -> bool:
    """Some files are encrypted with an empty password, only to forbid printing."""
    from pypdf.errors import PyPdfError

    try:
        return bool(reader.decrypt(""))
    except (PyPdfError, NotImplementedError):
        return False


def load_docx(content: bytes) -> Document:
    """A Word file: paragraphs, headings and tables in their order."""
    import docx
    from docx.table import Table
    from docx.text.paragraph import Paragraph

    _refuse_zip_bomb(content)
    source = docx.Document(io.BytesIO(content))
    # Asking each paragraph for its style takes twenty times as long as reading its text.
    styles = {style.style_id: style.name or "" for style in source.styles}
    builder = TextBuilder()
    for item in source.iter_inner_content():
        if isinstance(item, Table):
            builder.block("\n".join(" | ".join(cell.text.strip() for cell in row.cells) for row in item.rows))
        elif isinstance(item, Paragraph):
            style = styles.get(item._p.style or "", "")
            found = _HEADING_STYLE.match(style)
            if found or style == "Title":
                builder.heading(int(found[1]) + 1 if found else 1, item.text)
            else:
                builder.block(item.text)
    return builder.document(source.core_properties.title)


def _refuse_zip_bomb(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            sizes = [(item.file_size, item.compress_size) for item in archive.infolist()]
            markup = max((item.file_size for item in archive.infolist() if item.filename.endswith(".xml")), default=0)
            # Read through once: the sizes in the directory may be lies, and zipfile stops at the declared size.
            damaged = archive.testzip() if sum(size for size, _ in sizes) <= _MOST_UNPACKED else None
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        if content.startswith(b"\xd0\xcf\x11\xe0"):
            raise DocumentUnreadable(
                "encrypted, or in the old .doc format: save it as a .docx without a password"
            ) from error
        raise DocumentUnreadable("damaged: not a complete Word file") from error
    unpacked = sum(size for size, _ in sizes)
    packed = max(sum(size for _, size in sizes), 1)
    if unpacked > _MOST_UNPACKED or (unpacked > 16 * 2**20 and unpacked / packed > _MOST_RATIO):
        raise DocumentUnreadable(f"unpacks to {unpacked / 2**20:,.0f} MiB: refused as a likely zip bomb")
    if markup > _MOST_MARKUP:
        raise DocumentUnreadable(f"too large: {markup / 2**20:,.0f} MiB of markup in one part of the Word file")
    if damaged:
        raise DocumentUnreadable("damaged: a part of the Word file fails its checksum")
