"""Groups the lines of a column into headings and paragraphs: joins hyphenated words, and finds the ends of paragraphs
by their look.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

import msgspec

from knowledge.loaders.pdf.glyphs import SOFT_HYPHEN
from knowledge.loaders.pdf.lines import Line

_MARKER = re.compile(r"(?:[•◦▪‣●○■–—*·-]|\(?\d{1,3}[.)]|\(?[a-z]\))\s")
_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "ft", "ﬆ": "st"}
_LIGATURE = re.compile("[ﬀ-ﬆ]")
_ENDED = re.compile(r"[.!?:;…][\"'”’)\]]*$")
_MOST_HEADING_WORDS = 14


class Paragraph(msgspec.Struct, frozen=True):
    """A block of text; `level` is 0 for a paragraph and counts from 1 for a heading."""

    text: str
    level: int = 0


def paragraphs_of(lines: Sequence[Line], body: float, known: frozenset[str]) -> Iterator[Paragraph]:
    """Yield the blocks of a column. `body` is the size of the document's text, `known` its words with inner hyphens."""
    if not lines:
        return
    right = max(line.right for line in lines)
    steps = [below.bottom - line.bottom for line, below in pairwise(lines)]
    near = [step for step in steps if step < 1.9 * body]
    # Of a few lines each may be a paragraph, so their distance is no measure.
    step = median(near) if len(near) > 3 else min([*near, 1.3 * body])
    run: list[Line] = []
    for line in lines:
        if run and _parts(run, line, step, right):
            yield _paragraph(run, body, known)
            run = []
        run.append(line)
    yield _paragraph(run, body, known)


def hyphenated_words(texts: Sequence[str]) -> frozenset[str]:
    """Return the words with an inner hyphen, which must be kept if the word is broken there."""
    return frozenset(word.lower() for text in texts for word in re.findall(r"\w+-\w+", text))


def plain(text: str) -> str:
    """Replace ligatures by letters, and remaining soft hyphens by hyphens."""
    return _LIGATURE.sub(lambda found: _LIGATURES[found[0]], text).replace(SOFT_HYPHEN, "-")


def _parts(run: Sequence[Line], line: Line, step: float, right: float) -> bool:
    """Whether a new block starts with the line."""
    before = run[-1]
    gap = line.bottom - before.bottom
    if abs(line.size - before.size) > 0.1 * before.size or line.is_bold != before.is_bold:
        return not (_is_open(before) and abs(line.size - before.size) <= 0.1 * before.size)
    if gap > max(1.35 * step, 1.3 * line.size) or gap < 0 or _MARKER.match(line.text):
        return True
    ended = bool(_ENDED.search(before.text))
    left = min(other.left for other in (*run, line))
    is_short = before.right < right - 0.2 * (right - left)
    is_indented = line.left > before.left + 0.8 * line.size and len(run) > 1
    begins = line.text[:1].isupper() or not line.text[:1].isalpha()
    breaks_off = begins and before.right < left + 0.6 * (right - left)
    return breaks_off or (ended and begins and (is_short or is_indented))


def _is_open(line: Line) -> bool:
    """Whether a line continues in the next although that looks different, such as bold words in mid-sentence."""
    return line.text.endswith((SOFT_HYPHEN, "-", ","))


def _paragraph(run: Sequence[Line], body: float, known: frozenset[str]) -> Paragraph:
    text = run[0].text
    for line in run[1:]:
        text = continued(text, line.text, known)
    text = plain(text)
    return Paragraph(text=text, level=_level(run[0], text, body))


def goes_on(before: Paragraph, after: Paragraph) -> bool:
    """Whether two paragraphs are one that a column break separated."""
    is_open = not _ENDED.search(before.text) and len(before.text.split()) > 5
    return is_open and not after.level and after.text[:1].islower()


def continued(text: str, line: str, known: frozenset[str]) -> str:
    """Append a line to the text, joining a broken word."""
    broken = re.search(rf"(\w+)[{SOFT_HYPHEN}-]$", text)
    following = re.match(r"[^\W\d_]\w*", line)
    if not broken or not following or not following[0][0].islower():
        return f"{text} {line}"
    if f"{broken[1]}-{following[0]}".lower() in known:
        return f"{text[:-1]}-{line}"
    return text[:-1] + line


def _level(first: Line, text: str, body: float) -> int:
    if len(text.split()) > _MOST_HEADING_WORDS or not any(map(str.isalpha, text)) or text.endswith((".", ",", ";")):
        return 0
    if first.size >= 1.6 * body:
        return 1
    if first.size >= 1.15 * body:
        return 2
    return 3 if first.is_bold and first.size >= 0.95 * body and not text.endswith(":") else 0
