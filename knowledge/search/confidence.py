"""Estimates the probability that the best passage answers the question: a logistic function of its cosine and of its
coverage of the question's words, as a whole and in one sentence.

A passage on the same subject shares the question's common words; one that answers also has its specific words, mostly
in one sentence. The lead over the second passage is as informative on the available sets, but not used: if several
documents say the same, the second is as close as the first.
"""

import math
from collections.abc import Mapping
from typing import Literal

from knowledge.chunking import sentence_spans
from knowledge.documents import Hit
from knowledge.search.ranges import ranges_in
from knowledge.search.words import ASKING, stem, words_of

SURE_FROM = 0.66
"""From this confidence on, an answer is given without reservation."""
PROBABLE_FROM = 0.12
"""Below this confidence the documents do not seem to contain the answer; between the two limits it is shown as
probable. It is low because a false refusal hides an answer, while a false answer still shows its source.
"""
MOST_PROBABLE = 0.65
"""The highest confidence that is still probable."""
Certainty = Literal["sure", "probable", "none"]

# Fitted by tests/benchmarks/retrieval.py on XQuAD and ClapNQ, on questions with and without an answer. Cranfield is not
# used: if the relevant abstracts of a question are hidden, others on the same subject remain.
_CURVE = (-7.92, 9.70, 1.99, 3.21)
_QUOTE_CURVE = (-8.38, 6.68, 1.75, 3.37, 3.69)


_COMPOUND = 10
_PART = 5


def answer_chance(cosine: float, coverage: float, sentence_coverage: float) -> float:
    """Return the probability that a passage with these values answers the question."""
    bias, by_cosine, by_coverage, by_sentence = _CURVE
    return 1 / (1 + math.exp(-(bias + by_cosine * cosine + by_coverage * coverage + by_sentence * sentence_coverage)))


def quote_chance(hit: Hit, sentence_cosine: float) -> float:
    """Return the probability that a sentence of a passage answers the question."""
    bias, by_cosine, by_coverage, by_sentence, by_sentence_cosine = _QUOTE_CURVE
    by_meaning = by_cosine * hit.cosine + by_sentence_cosine * sentence_cosine
    by_words = by_coverage * hit.coverage + by_sentence * hit.sentence_coverage
    return 1 / (1 + math.exp(-(bias + by_meaning + by_words)))


def word_chance(hit: Hit) -> float:
    """Return the probability by words alone, for scripts the embedder does not know. A passage that answers a question
    in Japanese or Chinese contains about half of its character pairs: a guess from a few questions, not a fit.
    """
    return 1 / (1 + math.exp(3 - 8 * hit.coverage))


def judge(confidence: float) -> Certainty:
    """Return the level of a confidence: "sure", "probable" or "none"."""
    return "sure" if confidence >= SURE_FROM else "probable" if confidence >= PROBABLE_FROM else "none"


class QuestionWords:
    """The content words of a question, each with its weight: the rarer, the higher."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights: dict[str, float] = {}
        self._spelt: dict[str, str] = {}
        for word, weight in weights.items():
            if word not in ASKING:
                self._spelt[stem(word)] = word
                self._weights[stem(word)] = max(weight, self._weights.get(stem(word), 0.0))
        self._total = sum(self._weights.values())

    def covered_by(self, hit: Hit) -> tuple[float, float]:
        """Return the share of the weight in a passage, title and headings included, and that in its best sentence of
        three words or more.
        """
        sentences = [hit.text[start:end] for start, end in sentence_spans(hit.text)]
        shares = [self.share_in(text) for text in sentences if len(words_of(text)) > 2]
        return self.share_in(" ".join((hit.title, *hit.headings, hit.text))), max(shares, default=0.0)

    def share_in(self, text: str) -> float:
        """Return the share of the weight in a text."""
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
        """Whether a long word starts or ends with a word of the question, as compounds do."""
        word = self._spelt[root]
        return len(word) >= _PART and any(other.startswith(word) or other.endswith(word) for other in long)


def _is_within(word: str, ranges: list[tuple[float, float]]) -> bool:
    return word.isdecimal() and any(low <= int(word) <= high for low, high in ranges)
