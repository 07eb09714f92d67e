"""Detects quotes that contradict each other: similar except for the words that answer."""

import re
from typing import Protocol

from knowledge.answers.kinds import kind_of
from knowledge.search.words import content_stems, words_of

_ALIKE = 0.5
_SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_NUMBERS = {name: str(number) for number, name in enumerate(_SMALL.split())}
_ENDINGS = re.compile(r"(?<=\d)(?:st|nd|rd|th)$")


class Claim(Protocol):
    """A quote, with the range in its document of the words that answer."""

    @property
    def document(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def text(self) -> str: ...
    @property
    def answer(self) -> tuple[int, int] | None: ...
    @property
    def place(self) -> str: ...


def contradict(question: str, first: Claim, second: Claim) -> bool:
    """Whether both answer the question in similar words but differently. Rows of one table never contradict, because
    each is about something else.
    """
    if kind_of(question) in ("other", "yes or no") or not (first.answer and second.answer):
        return False
    if first.document == second.document and (first.place or second.place):
        return False
    one, other = _answer(first), _answer(second)
    if not one or not other or one <= other or other <= one:
        return False
    asked = content_stems(question)
    around, beside = _rest(first), _rest(second)
    alike = len(around & beside) / max(min(len(around), len(beside)), 1)
    return alike >= _ALIKE and (around & asked) == (beside & asked)


def _answer(claim: Claim) -> frozenset[str]:
    """Return the words of the answer, with numbers as digits."""
    assert claim.answer is not None
    start, end = (place - claim.start for place in claim.answer)
    words = [_ENDINGS.sub("", _NUMBERS.get(word, word)) for word in words_of(claim.text[start:end])]
    return frozenset(word for word in words if content_stems(word))


def _rest(claim: Claim) -> frozenset[str]:
    assert claim.answer is not None
    start, end = (place - claim.start for place in claim.answer)
    return content_stems(claim.text[:start]) | content_stems(claim.text[end:])
