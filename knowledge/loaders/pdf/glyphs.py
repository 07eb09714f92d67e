"""Extracts the words and drawn lines of a PDF page, with their positions, using pdfium. Coordinates are in points from
the page's upper left corner.
"""

import math
from collections.abc import Iterator
from ctypes import byref, create_string_buffer
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage

SOFT_HYPHEN = "\xad"
_HYPHENS = frozenset("\ufffe\x02\xad")
"""The characters pdfium returns for a hyphen at a line break."""
_BREAKS = frozenset("\r\n\t \xa0")
_NEXT_WORD = 0.25
_THIN = 2.5
_LONG = 12.0
_LONGEST_NAME = 100


class Box(msgspec.Struct, frozen=True):
    """A rectangle; `top` is above `bottom`, so it is the smaller number."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> float:
        """The vertical middle."""
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        """The height."""
        return self.bottom - self.top


class Word(Box, frozen=True):
    """Letters without a space between them, in one size."""

    text: str
    size: float
    is_bold: bool = False


class _Glyph(Box, frozen=True):
    text: str
    size: float
    is_bold: bool


def read_words(page: "PdfPage") -> list[Word]:
    """Return the words of a page in file order. Rotated text is left out: it is a stamp or in the margin."""
    words: list[Word] = []
    run: list[_Glyph] = []
    for glyph in _glyphs(page.get_textpage(), page.get_height()):
        if run and (glyph is None or not _goes_on(run[-1], glyph)):
            words.append(_word(run))
            run = []
        if glyph is not None:
            run.append(glyph)
    return [*words, _word(run)] if run else words


def read_rules(page: "PdfPage") -> tuple[list[Box], list[Box]]:
    """Return the horizontal and the vertical lines drawn on a page, including the edges of rectangles."""
    import pypdfium2.raw as pdfium

    level: list[Box] = []
    upright: list[Box] = []
    height = page.get_height()
    for item in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH], max_depth=3):
        left, low, right, high = item.get_bounds()
        box = Box(left, height - high, right, height - low)
        wide, tall = box.right - box.left, box.height
        if tall <= _THIN and wide >= _LONG:
            level.append(box)
        elif wide <= _THIN and tall >= _LONG / 2:
            upright.append(box)
        elif wide >= _LONG and tall >= _LONG / 2:
            level += [Box(left, edge, right, edge) for edge in (box.top, box.bottom)]
            upright += [Box(edge, box.top, edge, box.bottom) for edge in (left, right)]
    return level, upright


def _glyphs(text: "PdfTextPage", height: float) -> Iterator[_Glyph | None]:
    """Yield the glyphs of a page, and None for each space between words."""
    import pypdfium2.raw as pdfium

    box: Any = pdfium.FS_RECTF()
    for number in range(text.count_chars()):
        code = pdfium.FPDFText_GetUnicode(text, number)
        letter = chr(code) if code < 0x110000 else "\ufffd"
        if letter in _BREAKS or (pdfium.FPDFText_IsGenerated(text, number) == 1 and letter not in _HYPHENS):
            yield None
            continue
        if not pdfium.FPDFText_GetLooseCharBox(text, number, byref(box)):
            continue
        if abs(math.sin(pdfium.FPDFText_GetCharAngle(text, number))) > 0.1:
            continue
        size = pdfium.FPDFText_GetFontSize(text, number)
        tall = box.top - box.bottom
        yield _Glyph(
            left=box.left,
            top=height - box.top,
            right=box.right,
            bottom=height - box.bottom,
            text=SOFT_HYPHEN if letter in _HYPHENS else letter,
            # A font drawn with a scaled matrix has size 1; then the height of its box is used.
            size=size if tall < 2.5 * size else tall / 1.2,
            is_bold=_is_bold(text, number),
        )


def _is_bold(text: "PdfTextPage", number: int) -> bool:
    import pypdfium2.raw as pdfium

    if pdfium.FPDFText_GetFontWeight(text, number) >= 600:
        return True
    name = create_string_buffer(_LONGEST_NAME)
    length = pdfium.FPDFText_GetFontInfo(text, number, name, _LONGEST_NAME, None)
    return 0 < length <= _LONGEST_NAME and b"bold" in name.value.lower()


def _goes_on(last: _Glyph, glyph: _Glyph) -> bool:
    same_line = abs(last.bottom - glyph.bottom) < 0.6 * last.height
    gap = glyph.left - last.right
    return same_line and -last.size < gap < _NEXT_WORD * last.size


def _word(run: list[_Glyph]) -> Word:
    return Word(
        left=min(glyph.left for glyph in run),
        top=min(glyph.top for glyph in run),
        right=max(glyph.right for glyph in run),
        bottom=max(glyph.bottom for glyph in run),
        text="".join(glyph.text for glyph in run),
        size=max(glyph.size for glyph in run),
        is_bold=sum(glyph.is_bold for glyph in run) * 2 > len(run),
    )
