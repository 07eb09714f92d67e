"""Turns marks on points of digests into comparisons of two texts: the digest as shown, and without the point. Pure."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from assistant.feedback.marks import Mark
from assistant.records import Completion

POINTS = ("point", "decision")
"""The kinds of parts that make pairs: they are in the digest's text as quoted."""


def digests_compared(
    marks: Iterable[Mark], known: Mapping[str, Completion]
) -> Iterator[tuple[Mark, Completion | None]]:
    """Yield each mark in force on a point, with the digest without that point; None if the digest is not in `known` (by
    id), no longer contains the point, or contains nothing else.
    """
    for mark in marks:
        if not mark.ended and mark.part in POINTS:
            yield mark, _without(known[mark.completion], mark.text) if mark.completion in known else None


def _without(digest: Completion, text: str) -> Completion | None:
    line = re.search(rf"^  (?:Decided: )?[^\n:]*: {re.escape(text)}$\n?", digest.answer, re.MULTILINE)
    if line is None:
        return None
    rest = (digest.answer[: line.start()] + digest.answer[line.end() :]).strip("\n")
    id = hashlib.sha256(f"{digest.id}\0{rest}".encode()).hexdigest()[:16]
    return msgspec.structs.replace(digest, id=id, answer=rest) if rest.strip() else None
