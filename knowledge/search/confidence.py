"""How likely the best passage answers the question: a logistic curve over how near it is and how much of the question's
words it holds, as a whole and in one sentence.

A passage on the subject shares the question's common words; one that answers also holds what the question is about, and
mostly in one sentence. How far the second passage is behind says as much on the sets at hand, but was left out: where
several documents say the same, the second is as near as the first.
"""

import math
from collections.abc import Mapping
from typing import Literal

from knowledge.chunking import sentence_spans
from knowledge.documents import Hit
from knowledge.search.ranges import ranges_in
from knowledge.search.words import ASKING, stem, words_of

SURE_FROM = 0.66
"""From this confidence on an answer is given outright."""
PROBABLE_FROM = 0.12
"""Below this confidence the documents do not seem to hold the answer; between the two it is given as probable. Low, as
a false refusal hides an answer, while a false answer still shows its source.
"""
MOST_PROBABLE = 0.65
"""The most that is still probable."""
Certainty = Literal["sure", "probable", "none"]

# Fitted by tests/benchmarks/retrieval.py on XQuAD and ClapNQ, questions with and without an answer. Cranfield took no
# part: a question of its whose relevant abstracts are hidden still has others on the very subject.
_CURVE = (-7.92, 9.70, 1.99, 3.21)
_QUOTE_CURVE = (-8.38, 6.68, 1.75, 3.37, 3.69)


_COMPOUND = 10
_PART = 5


def answer_chance(cosine: float, coverage: float, sentence_coverage: float) -> float:
    """How likely a passage with these figures answers the question, from 0 to 1."""
    bias, by_cosine, by_coverage, by_sentence = _CURVE
    return 1 / (1 + math.exp(-(bias + by_cosine * cosine + by_coverage * coverage + by_sentence * sentence_coverage)))


def quote_chance(hit: Hit, sentence_cosine: float) -> float:
    """How likely a sentence of a passage answers the question, from 0 to 1."""
    bias, by_cosine, by_coverage, by_sentence, by_sentence_cosine = _QUOTE_CURVE
    by_meaning = by_cosine * hit.cosine + by_sentence_cosine * sentence_cosine
    by_words = by_coverage * hit.coverage + by_sentence * hit.sentence_coverage
    return 1 / (1 + math.exp(-(bias + by_meaning + by_words)))


def word_chance(hit: Hit) -> float:
    """The same by words alone, where the embedder does not know the script. Half of the pairs of letters that a
    question in Japanese or Chinese asks about are in what answers it: a guess from a few questions, not a fit.
    """
    return 1 / (1 + math.exp(3 - 8 * hit.coverage))


def judge(confidence: float) -> Certainty:
    """What a confidence allows: an answer, one that is marked as probable, or none."""
    return "sure" if confidence >= SURE_FROM else "probable" if confidence >= PROBABLE_FROM else "none"


class QuestionWords:
    """The words that a question asks about, each with its weight: the rarer, the more."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights: dict[str, float] = {}
        self._spelt: dict[str, str] = {}
        for word, weight in weights.items():
            if word not in ASKING:
                self._spelt[stem(word)] = word
                self._weights[stem(word)] = max(weight, self._weights.get(stem(word), 0.0))
        self._total = sum(self._weights.values())

    def covered_by(self, hit: Hit) -> tuple[float, float]:
        """The share of the weight that a passage holds, title and headings included, and that its best sentence of
        three words or more holds alone.
        """
        sentences = [hit.text[start:end] for start, end in sentence_spans(hit.text)]
        shares = [self.share_in(text) for text in sentences if len(words_of(text)) > 2]
        return self.share_in(" ".join((hit.title, *hit.headings, hit.text))), max(shares, default=0.0)

    def share_in(self, text: str) -> float:
        """The share of the weight that a text holds."""
        if not self._total:
            return 0.0
        words = words_of(text)
        held = {stem(word) for word in words}
        long = [word for word in words if len(word) >= _COMPOUND]
        ranges = list(ranges_in(text)) if any(map(str.isdecimal, self._weights)) else []
        shares = (
            weight
            for root, weight in self._weights.items()
            if root in held or self._is_part(root, long) or _is_within(root, ranges)
        )
        return sum(shares) / self._total

    def _is_part(self, root: str, long: list[str]) -> bool:
        """Whether a long word begins or ends with a word of the question, as compounds do."""
        word = self._spelt[root]
        return len(word) >= _PART and any(other.startswith(word) or other.endswith(word) for other in long)


def _is_within(word: str, ranges: list[tuple[float, float]]) -> bool:
    return word.isdecimal() and any(low <= int(word) <= high for low, high in ranges)
