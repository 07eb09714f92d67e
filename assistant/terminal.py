"""Makes text from models, documents, files and databases safe to print: no control sequence reaches the terminal. Also
formats durations.
"""

import json
import re
from typing import Any

# CSI, OSC and other string sequences, then any two-character escape (ECMA-48), each as a whole, so that no "[31m"
# remains. An unterminated string sequence loses only its introducer: U+009D also occurs in text decoded twice, and must
# not remove the rest of it.
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f\n]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]?"
)
# C0 except tab and newline, DEL, C1, marks that reorder text (Unicode UAX 9, "Trojan Source"), and lone surrogates,
# which cannot be encoded.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Remove control sequences, control characters and bidirectional overrides; tab and newline stay."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", _SEQUENCES.sub("", text))


def one_line(text: str) -> str:
    """Return the printable text with every run of white space replaced by a space."""
    return " ".join(printable(text).split())


def shortened(text: str, characters: int = 60) -> str:
    """Return the text as a title: one line, cut between words."""
    title = one_line(text)
    return title if len(title) <= characters else title[: characters - 1].rsplit(" ", 1)[0] + "…"


def json_line(value: Any) -> str:
    """Return a JSON value on one line, with control characters and bidirectional overrides escaped: the value is
    complete, and printing it is safe.
    """
    text = json.dumps(value, ensure_ascii=False)
    return _CONTROLS.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def rough_time(seconds: float) -> str:
    """Format an estimated duration: "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
