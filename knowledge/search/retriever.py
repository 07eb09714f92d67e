"""Finds the passages that answer a question: combines vectors and words, drops near-duplicates, and judges whether
there is an answer at all.

Score = 0.55 * cosine + 0.45 * words. The cosine is the mean of the whole passage's and its best window's. `words` is
the share of the question's word weight that the passage matches: BM25 divided by its maximum, so that it is comparable
between questions. The best hundred by each are compared.
"""

import math
import re
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from knowledge.documents import Filters, Hit, SearchResult
from knowledge.search.confidence import QuestionWords, answer_chance, judge, word_chance
from knowledge.search.embedder import Embedder, Vectors
from knowledge.search.index import VectorIndex
from knowledge.search.reranker import Reranker
from knowledge.search.terms import Term, terms_of
from knowledge.search.words import FUNCTION_WORDS, asked_words, is_unspaced
from knowledge.storage.catalog import Catalog, StoredPassage

WORD_SHARE = 0.45
"""The weight of the words against the cosine. In scripts without spaces only words count, because the embedder knows
none of these scripts.
"""
CANDIDATES = 100
"""The number of candidates taken by vectors, and by words."""
RERANKED = 20
"""The number of best passages that the cross-encoder reads, if there is one."""
SAME = 0.97
"""Passages with this cosine or more that also share nine words in ten are shown once."""
FEW = 64
"""With fewer passages FTS5's BM25 is meaningless, because any word of the subject is in half of them. Then a matched
word counts half its weight, about what BM25 gives a word that occurs once or twice.
"""
_BM25_MOST = 2.2  # k1 + 1: the limit of FTS5's BM25 for a word, in units of its weight

_WORD = re.compile(r"\w+")


class Retriever:
    """Searches a catalog. The index follows the catalog: changes by another process are seen at the next question."""

    def __init__(
        self, catalog: Catalog, embedder: Embedder, index_file: Path, reranker: Reranker | None = None
    ) -> None:
        self._reranker = reranker
        self._catalog = catalog
        self._embedder = embedder
        self._index_file = index_file
        self._index: VectorIndex | None = None
        self._terms: dict[str, list[Term]] = {}

    def search(self, question: str, k: int = 5, filters: Filters | None = None) -> SearchResult:
        """Return the k best passages, from the files that pass the filters."""
        started = time.perf_counter()
        index = self.index()
        filters = filters or Filters()
        allowed = None if filters == Filters() else self._catalog.allowed_rows(filters)
        vector = self._embedder.embed_questions([question])[0]
        terms = self._weighed(question)
        expressions = [term.expression for term, _ in terms]
        by_words = self._catalog.best_by_words(expressions, CANDIDATES, allowed)
        rows = {*index.search(vector, CANDIDATES, allowed), *by_words}
        shares = self._word_shares(terms, rows)
        stored = self._catalog.passages(rows, filters)
        ranked = _ranked(stored, vector, shares, 1.0 if is_unspaced(question) else WORD_SHARE)
        hits = _distinct(ranked, k if self._reranker is None else max(k, RERANKED))
        weights = {term.word: weight for term, weight in terms}
        hits = _with_coverage(hits, weights)
        first = hits[0] if hits else None
        confidence = _confidence(first, question) if first else 0.0
        if self._reranker is not None:
            hits = _reordered(hits, self._reranker.score(question, [passage_context(hit) for hit in hits]))[:k]
        return SearchResult(
            hits=tuple(hits),
            answerable=judge(confidence) != "none",
            confidence=confidence,
            seconds=time.perf_counter() - started,
            words=weights,
        )

    def index(self) -> VectorIndex:
        """Return the index, updated to the catalog."""
        if self._index is None:
            self._index = VectorIndex.load(self._index_file, self._embedder.identity, self._embedder.dimension)
        revision = self._catalog.revision()
        if self._index.revision != revision:
            rows = self._catalog.passage_rows()
            present = self._index.rows
            self._index.remove(np.setdiff1d(present, rows, assume_unique=True))
            missing = np.setdiff1d(rows, present, assume_unique=True)
            self._index.add(missing, self._catalog.whole_vectors(missing.tolist()))
            self._index.revision = revision
            self._terms.clear()
        return self._index

    def save(self) -> None:
        """Save the index for the next start."""
        self.index().save(self._index_file)

    def _weighed(self, question: str) -> list[tuple[Term, float]]:
        """Return the question's terms with their weights, repeated as in the question. Terms in more than half of the
        passages are left out: they have no weight and only cost time.
        """
        words = asked_words(question)
        total = self._catalog.passage_count()
        for word in words:
            if word not in self._terms:
                self._terms[word] = terms_of(word, self._catalog.passages_with)
        weighed = [(term, _weight(term.word, total, term.count)) for word in words for term in self._terms[word]]
        return [(term, weight) for term, weight in weighed if weight > 0]

    def _word_shares(self, terms: Sequence[tuple[Term, float]], rows: set[int]) -> dict[int, float]:
        """Return the share of the question's word weight that each passage matches, from 0 to 1."""
        if not terms:
            return {}
        most = sum(weight for _, weight in terms)
        if self._catalog.passage_count() >= FEW:
            scores = self._catalog.word_scores([term.expression for term, _ in terms], rows)
            return {row: score / (_BM25_MOST * most) for row, score in scores.items()}
        shares = dict.fromkeys(rows, 0.0)
        for term, weight in terms:
            for row in self._catalog.with_term(term.expression, rows):
                shares[row] += weight / most / 2
        return shares


def _confidence(hit: Hit, question: str) -> float:
    if is_unspaced(question):
        return word_chance(hit)
    return answer_chance(hit.cosine, hit.coverage, hit.sentence_coverage)


def _weight(word: str, total: int, count: int) -> float:
    """Return a word's weight as in FTS5's BM25, 0 if that is negative. With few passages, whose counts mean little,
    function words are excluded by a list, and the others get a positive weight, log(1 + ...), as in Lucene.
    """
    odds = (total - count + 0.5) / (count + 0.5)
    if total >= FEW:
        return max(math.log(odds), 0.0)
    return 0.0 if word in FUNCTION_WORDS else math.log(1 + odds)


def passage_context(hit: Hit) -> str:
    """Return the passage with its title and headings, as a cross-encoder reads it."""
    return ". ".join([*(part for part in dict.fromkeys((hit.title, *hit.headings)) if part), hit.text])


def _with_coverage(hits: Sequence[Hit], weights: dict[str, float]) -> list[Hit]:
    words = QuestionWords(weights)
    covered = [(hit, *words.covered_by(hit)) for hit in hits]
    return [
        msgspec.structs.replace(hit, coverage=whole, sentence_coverage=sentence) for hit, whole, sentence in covered
    ]


def _reordered(hits: Sequence[Hit], scores: Sequence[float]) -> list[Hit]:
    """Sort the hits by the cross-encoder's scores, which replace theirs."""
    scored = [msgspec.structs.replace(hit, score=score) for hit, score in zip(hits, scores, strict=True)]
    return sorted(scored, key=lambda hit: (-hit.score, hit.document, hit.start))


def _ranked(
    stored: Sequence[StoredPassage], vector: Vectors, shares: dict[int, float], weight: float
) -> list[tuple[Hit, StoredPassage]]:
    """Return the passages with their scores, best first."""
    scored = [(_hit(passage, vector, shares.get(passage.id, 0.0), weight), passage) for passage in stored]
    return sorted(scored, key=lambda pair: (-pair[0].score, pair[0].document, pair[0].start))


def _hit(stored: StoredPassage, vector: Vectors, words: float, weight: float) -> Hit:
    cosine = (float(stored.whole @ vector) + float((stored.windows @ vector).max())) / 2
    return Hit(
        passage_id=stored.key,
        document=stored.path,
        title=stored.title,
        page=stored.page,
        start=stored.start,
        end=stored.end,
        text=stored.text,
        headings=stored.headings,
        score=(1 - weight) * cosine + weight * words,
        cosine=cosine,
        lexical=words,
        place=stored.place,
        is_row=stored.is_row,
        changed=stored.changed,
    )


def _distinct(scored: Sequence[tuple[Hit, StoredPassage]], k: int) -> list[Hit]:
    """Return the first k hits without near-duplicates of earlier ones."""
    kept: list[tuple[Hit, StoredPassage, set[str]]] = []
    for hit, stored in scored:
        if len(kept) == k:
            break
        words = set(_WORD.findall(stored.text.lower()))
        if not any(_nearly_same(stored.whole, words, other.whole, others) for _, other, others in kept):
            kept.append((hit, stored, words))
    return [hit for hit, _, _ in kept]


def _nearly_same(vector: NDArray[np.float32], words: set[str], other: NDArray[np.float32], others: set[str]) -> bool:
    if float(vector @ other) < SAME:
        return False
    return len(words & others) >= 0.9 * len(words | others)
