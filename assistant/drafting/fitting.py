"""Drops a draft's last sentences if that brings it closer to a number of words."""

import re
from collections.abc import Callable, Iterator

import msgspec

from assistant.records import Draft
from assistant.scoring.faithfulness.attribution import sentences

_WHOLE = re.compile(r"[.!?…][\"'”’)]*$")


def fit(draft: Draft, distance: Callable[[Draft], tuple[float, ...]]) -> Draft:
    """Return the draft, or its first whole sentences if they are closer; on a tie, the draft. A draft that a limit cut
    off loses its last, partial sentence; a cancelled one stays as it is.
    """
    if draft.finished == "cancelled":
        return draft
    return min([draft, *_beginnings(draft)], key=distance)


def _beginnings(draft: Draft) -> Iterator[Draft]:
    """Yield the draft cut after each whole sentence, without a score, and with its tokens estimated from the length."""
    for _, end in sentences(draft.text):
        text = draft.text[:end].rstrip()
        if _WHOLE.search(text) and len(text) < len(draft.text.rstrip()):
            tokens = max(1, round(draft.tokens * len(text) / len(draft.text)))
            yield msgspec.structs.replace(draft, text=text, tokens=tokens, score=None, finished="end")
