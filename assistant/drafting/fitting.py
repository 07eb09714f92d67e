"""A draft without its last sentences, where it comes nearer to a number of words so."""

import re
from collections.abc import Callable, Iterator

import msgspec

from assistant.records import Draft
from assistant.scoring.faithfulness.attribution import sentences

_WHOLE = re.compile(r"[.!?…][\"'”’)]*$")


def fit(draft: Draft, distance: Callable[[Draft], tuple[float, ...]]) -> Draft:
    """The draft, or its beginning of one or more whole sentences, whichever is nearest; the draft itself where that is
    no farther. What a limit cut off in the middle of a sentence so loses that sentence; what the user stopped stays.
    """
    if draft.finished == "cancelled":
        return draft
    return min([draft, *_beginnings(draft)], key=distance)


def _beginnings(draft: Draft) -> Iterator[Draft]:
    """The draft cut behind each whole sentence. Its score was another text's; its tokens are an estimate by letters."""
    for _, end in sentences(draft.text):
        text = draft.text[:end].rstrip()
        if _WHOLE.search(text) and len(text) < len(draft.text.rstrip()):
            tokens = max(1, round(draft.tokens * len(text) / len(draft.text)))
            yield msgspec.structs.replace(draft, text=text, tokens=tokens, score=None, finished="end")
