"""How likely the best passage answers the question: a logistic curve over how near it is and how much of the question's
words it holds, as a whole and in one sentence. Knows no index and no database.

A passage on the subject shares the question's common words; one that answers also holds what the question is about, and
mostly in one sentence. How far the second passage is behind says as much on the sets at hand, but was left out: where
several documents say the same, the second is as near as the first.
"""

import math
import re
from collections.abc import Mapping

from knowledge.chunking import sentence_spans
from knowledge.documents import Hit

ANSWERABLE_FROM = 0.4
"""Below this confidence the documents do not seem to hold the answer. Lower than one half, as a false refusal hides an
answer, while a false answer still shows its source.
"""

# Fitted by tests/benchmarks/retrieval.py on XQuAD and ClapNQ, questions with and without an answer. Cranfield took no
# part: a question of its whose relevant abstracts are hidden still has others on the very subject.
_CURVE = (-7.92, 9.70, 1.99, 3.21)

_FUNCTION_NAMES = """
    a about an and any are as at be been by can could did do does for from had has have he her his how i if in is it its
    may me must my of on or our she should so that the their them there they this to was we were what when where which
    who whom whose why will with would you your
"""
FUNCTION_WORDS = frozenset(_FUNCTION_NAMES.split())
"""Words that ask or connect, and name nothing."""
_ASKING = FUNCTION_WORDS | set("many much long old kind name type used called use happen happened during".split())  # noqa: SIM905
_WORD = re.compile(r"\w+")
_ENDING = re.compile(r"(?:ies|ing|ed|es|s|ly|e|y)$")


def answer_chance(cosine: float, coverage: float, sentence_coverage: float) -> float:
    """How likely a passage with these figures answers the question, from 0 to 1."""
    bias, by_cosine, by_coverage, by_sentence = _CURVE
    return 1 / (1 + math.exp(-(bias + by_cosine * cosine + by_coverage * coverage + by_sentence * sentence_coverage)))


class QuestionWords:
    """The words that a question asks about, each with its weight: the rarer, the more."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights: dict[str, float] = {}
        for word, weight in weights.items():
            if word not in _ASKING:
                self._weights[_stem(word)] = max(weight, self._weights.get(_stem(word), 0.0))
        self._total = sum(self._weights.values())

    def covered_by(self, hit: Hit) -> tuple[float, float]:
        """The share of the weight that a passage holds, title and headings included, and that its best sentence of
        three words or more holds alone.
        """
        sentences = [hit.text[start:end] for start, end in sentence_spans(hit.text)]
        shares = [self.share_in(text) for text in sentences if len(_WORD.findall(text)) > 2]
        return self.share_in(" ".join((hit.title, *hit.headings, hit.text))), max(shares, default=0.0)

    def share_in(self, text: str) -> float:
        """The share of the weight that a text holds."""
        if not self._total:
            return 0.0
        held = {_stem(word) for word in _WORD.findall(text.lower())}
        return sum(weight for stem, weight in self._weights.items() if stem in held) / self._total


def _stem(word: str) -> str:
    """Six letters without a common ending: "opens" and "opening" are the same."""
    bare = _ENDING.sub("", word) if len(word) > 4 else word
    return (bare if len(bare) > 2 else word)[:6]
