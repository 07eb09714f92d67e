"""Makes text from models, documents, files and databases safe to show: no control sequence reaches the terminal. Also
says a time as people do.
"""

import json
import re
from typing import Any

# CSI, OSC and other string sequences, then any two-character escape (ECMA-48): whole, so that no "[31m" stays behind.
# A string sequence without its terminator loses only its introducer: U+009D also comes from text decoded twice, and
# must not take the rest of that text with it.
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f\n]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]?"
)
# C0 without tab and newline, DEL, C1, the marks that reorder what follows them (Unicode UAX 9, "Trojan Source"), and
# halves of surrogate pairs, which no encoding can write.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """The text without control sequences, control characters and bidirectional overrides; tab and newline stay."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", _SEQUENCES.sub("", text))


def one_line(text: str) -> str:
    """The printable text with every run of white space as one space."""
    return " ".join(printable(text).split())


def shortened(text: str, characters: int = 60) -> str:
    """A text as a title: on one line, cut between words."""
    title = one_line(text)
    return title if len(title) <= characters else title[: characters - 1].rsplit(" ", 1)[0] + "…"


def json_line(value: Any) -> str:
    """One JSON value on one line, every control character and bidirectional override in it as an escape of JSON: the
    value is whole, and a terminal that it is printed on obeys none of it.
    """
    text = json.dumps(value, ensure_ascii=False)
    return _CONTROLS.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def rough_time(seconds: float) -> str:
    """A time that is only guessed, as people say it: "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
