"""Checks zip files that contain a document (Word, slides, OpenDocument, spreadsheets, e-books), before anything in them
is unpacked or parsed.
"""

import io
import zipfile
import zlib

from knowledge.errors import DocumentUnreadable

_MOST_UNPACKED = 256 * 2**20
_MOST_MARKUP = 32 * 2**20
"""The maximum markup of one part in bytes: about 3,000 pages, and ten times that in memory once parsed."""
_MOST_SHEET = 128 * 2**20
_MOST_RATIO = 200
_MOST_PARTS = 20_000
_MARKUP = (".xml", ".rels", ".xhtml", ".html", ".htm", ".opf", ".ncx")


def check_archive(content: bytes, kind: str, *, most_markup: int = _MOST_MARKUP) -> None:
    """Refuse an archive that is damaged, encrypted, contains macros or unpacks to too much; `kind` names its format."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            _check_sizes(parts, kind, most_markup)
            # Read everything once: the sizes in the directory may be false, and zipfile stops at the declared size.
            damaged = archive.testzip()
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, zlib.error) as error:
        if content.startswith(b"\xd0\xcf\x11\xe0"):
            raise DocumentUnreadable(
                f"encrypted, or in an old format: save it as a new {kind} file without a password"
            ) from error
        raise DocumentUnreadable(f"damaged: not a complete {kind} file") from error
    if damaged:
        raise DocumentUnreadable(f"damaged: a part of the {kind} file fails its checksum")


def check_sheet(content: bytes) -> None:
    """Check a spreadsheet, which may be larger because its parser streams the parts."""
    check_archive(content, "spreadsheet", most_markup=_MOST_SHEET)


def _check_sizes(parts: list[zipfile.ZipInfo], kind: str, most_markup: int) -> None:
    if len(parts) > _MOST_PARTS:
        raise DocumentUnreadable(f"holds {len(parts):,} parts: refused as a likely zip bomb")
    if any(part.filename.endswith("vbaProject.bin") for part in parts):
        raise DocumentUnreadable("holds macros: save a copy without them")
    if any(part.flag_bits & 1 for part in parts):
        raise DocumentUnreadable("encrypted: save a copy without its password")
    unpacked = sum(part.file_size for part in parts)
    packed = max(sum(part.compress_size for part in parts), 1)
    if unpacked > _MOST_UNPACKED or (unpacked > 16 * 2**20 and unpacked / packed > _MOST_RATIO):
        raise DocumentUnreadable(f"unpacks to {unpacked / 2**20:,.0f} MiB: refused as a likely zip bomb")
    markup = max((part.file_size for part in parts if part.filename.lower().endswith(_MARKUP)), default=0)
    if markup > most_markup:
        raise DocumentUnreadable(f"too large: {markup / 2**20:,.0f} MiB of markup in one part of the {kind} file")
