"""Reads scanned pages by OCR, if the extra `ocr` is installed, whose models come with its package."""

import functools
import importlib.util
from typing import TYPE_CHECKING, Any

from knowledge.loaders.pdf.glyphs import Word

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

MOST_PAGES = 200
"""The maximum number of pages to recognize; each takes a second or more."""
PLACE = "read by OCR"
_PACKAGE = "rapidocr_onnxruntime"
_SCALE = 2.0
_LEAST_SURE = 0.5
_SIZE_OF_BOX = 0.75


def can_recognize() -> bool:
    """Whether the OCR package is installed."""
    return importlib.util.find_spec(_PACKAGE) is not None


def recognize(page: "PdfPage") -> list[Word]:
    """Return the lines of a page, each as a word with spaces, except uncertain ones."""
    found, _ = _engine()(page.render(scale=_SCALE).to_numpy())
    words = []
    for corners, text, sure in found or ():
        if float(sure) < _LEAST_SURE:
            continue
        across, down = ([float(corner[axis]) / _SCALE for corner in corners] for axis in (0, 1))
        size = (max(down) - min(down)) * _SIZE_OF_BOX
        words.append(Word(min(across), min(down), max(across), max(down), text=str(text), size=size))
    return words


@functools.cache
def _engine() -> Any:
    return importlib.import_module(_PACKAGE).RapidOCR()
