"""Reads WebVTT and SubRip transcripts: each cue is a line with its time and, if given, its speaker."""

import html
import re

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.building import TextBuilder, decode, squeeze

_TIMING = re.compile(r"^((?:\d+:)?\d{1,2}:\d{2})[.,]\d{3}\s*-->.*$", re.MULTILINE)
_VOICE = re.compile(r"<v(?:\.[^ >]*)?\s+([^>]+)>")
_TAG = re.compile(r"<[^>]*>")
_LINES_IN_A_BLOCK = 8


def load_subtitles(content: bytes) -> Document:
    """Read the cues as "[0:01:02] Ana: text", a few per block; a cue that repeats the previous one is left out."""
    text = decode(content)
    marks = list(_TIMING.finditer(text))
    if not marks:
        raise DocumentUnreadable("damaged: no cue with a time in it")
    lines: list[str] = []
    said = ""
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        end = following.start() if following else len(text)
        # Up to the first empty line: after it comes the next cue's number or name.
        cue = text[mark.end() : end].strip("\n").split("\n\n", 1)[0]
        cue = html.unescape(_TAG.sub("", _VOICE.sub(r"\1: ", cue)))
        cue = squeeze(" ".join(cue.split()))
        if cue and cue != said:
            lines.append(f"[{mark[1]}] {cue}")
            said = cue
    builder = TextBuilder()
    for first in range(0, len(lines), _LINES_IN_A_BLOCK):
        builder.block("\n".join(lines[first : first + _LINES_IN_A_BLOCK]))
    return builder.document()
