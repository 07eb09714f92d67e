"""Measures how much of the important content of a conversation a text covers. Torch-free.

The digest's weights give the probability that a clause matters. A word is worth as much as the most important clause
that contains it, and counts once. The text covers the word if the sentence closest to that clause contains it; it
counts half if the sentence denies what the clause affirms, or vice versa.

Only the start of the text counts, up to the length of a digest of the conversation, and longer texts are penalized. A
list of words without function words scores low. So neither a copy nor a word list is the best summary.
"""

from dataclasses import dataclass
from functools import lru_cache

from assistant.dialogue import parse
from assistant.digest.choosing import probability
from assistant.digest.cues import Cues
from assistant.digest.features import rows, units
from assistant.digest.hearing import hear
from assistant.digest.making import default_words
from assistant.digest.spans import stems
from assistant.digest.weighing import bundled_weights
from assistant.errors import InputUnreadable
from assistant.scoring.faithfulness.roles import sentences
from assistant.scoring.surface import words

_DENIED = 0.5
"""The factor for a word in a sentence that says the opposite of its clause."""
_SAYS = 0.5
"""A sentence must share this part of its words, or of the clause's, for its negation to apply to the clause."""
_JOINED = 0.2
"""The least share of common words in sentences; a text with fewer is partly a list."""


@dataclass(frozen=True, slots=True)
class _Said:
    """A clause of the conversation, or a sentence of a text. `worth` is the probability that a clause matters."""

    stems: frozenset[str]
    denies: bool
    worth: float = 0.0


@dataclass(frozen=True, slots=True)
class _Matter:
    """The important content of a conversation: its clauses, the worth of each word, and the length
    of text that counts.
    """

    clauses: tuple[_Said, ...]
    worth: dict[str, float]
    limit: int
    cues: Cues


def coverage(conversation: str, text: str) -> float:
    """Return the share of the important content that the text covers, 0 to 1; 0 if nobody says anything."""
    matter = _read(conversation)
    if matter is None:
        return 0.0
    written = text.split()
    start = " ".join(written[: matter.limit])
    told = [_said(sentence, matter.cues) for sentence in sentences(start)]
    has: dict[str, float] = {}
    for clause in matter.clauses:
        best = max(told, key=lambda one: len(one.stems & clause.stems), default=None)
        if best is None:
            break
        shared = best.stems & clause.stems
        about = max(2.0, _SAYS * min(len(best.stems), len(clause.stems)))
        opposed = best.denies != clause.denies and len(shared) >= about
        for word in shared:
            has[word] = max(has.get(word, 0.0), clause.worth * (_DENIED if opposed else 1.0))
    brevity = min(1.0, matter.limit / max(1, len(written))) ** 2
    return brevity * _joined(start, matter.cues) * sum(has.values()) / sum(matter.worth.values())


@lru_cache(maxsize=256)
def _read(conversation: str) -> _Matter | None:
    """Read a conversation, cached for use with many texts."""
    try:
        heard = hear(parse(conversation))
    except InputUnreadable:
        return None
    found = units(heard)
    weights = bundled_weights()
    clauses = [
        _Said(unit.clause.stems, heard.cues.found("negation", unit.text), probability(row, weights))
        for unit, row in zip(found, rows(heard, found), strict=True)
        if unit.clause.stems
    ]
    worth: dict[str, float] = {}
    for clause in clauses:
        for word in clause.stems:
            worth[word] = max(worth.get(word, 0.0), clause.worth)
    return _Matter(tuple(clauses), worth, default_words(heard), heard.cues) if worth else None


def _said(sentence: str, cues: Cues) -> _Said:
    return _Said(frozenset(stems(sentence, cues)), cues.found("negation", sentence))


def _joined(text: str, cues: Cues) -> float:
    """Return 1 for sentences, less for a list of words; 1 if no common words are known for the language."""
    common = cues.words("common")
    found = words(text)
    if not common or not found:
        return 1.0
    return min(1.0, sum(word in common for word in found) / len(found) / _JOINED)
