"""Synthetic preference pairs: of two texts about a conversation, the one nearer to the reference is preferred."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer

from assistant.scoring.encoder import Encoder, open_minilm
from assistant.scoring.faithfulness.roles import turns_in

Rows = NDArray[np.float64]

_ALIKE = 0.3
"""Share of the pairs to leave out because both texts are almost equally near."""
_LINES = 3


@dataclass(frozen=True, slots=True)
class Drafted:
    """A conversation, its reference summaries, and drafts of models."""

    conversation: str
    references: tuple[str, ...]
    drafts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NearerPair:
    """Two texts, of which `near` is nearer to the references. `row` is the index of their conversation."""

    row: int
    near: str
    far: str


def nearer_pairs(rows: Sequence[Drafted], references: bool = True) -> list[NearerPair]:
    """Make pairs of the drafts, the first lines, the longest lines and, if `references`, the first reference. Pairs
    with the smallest difference in nearness are left out.
    """
    pairs: list[NearerPair] = []
    gaps: list[float] = []
    for place, row in enumerate(rows):
        texts = [*row.drafts, *extracts(row.conversation), *(row.references[:1] if references else ())]
        texts = list(dict.fromkeys(text for text in texts if text.strip()))
        near = nearness(texts, row.references)
        for one, two in combinations(np.argsort(-near, kind="stable").tolist(), 2):
            pairs.append(NearerPair(place, texts[one], texts[two]))
            gaps.append(float(near[one] - near[two]))
    least = np.quantile(gaps, _ALIKE) if gaps else 0.0
    return [pair for pair, gap in zip(pairs, gaps, strict=True) if gap > 0 and gap >= least]


def nearness(texts: Sequence[str], references: Sequence[str]) -> Rows:
    """Return ROUGE-1 F1 plus ROUGE-1 recall plus twice the cosine of all-MiniLM embeddings, averaged over the
    references; (texts,).

    Recall is added to F1 because people mind omissions more than extra words.
    """
    if not texts:
        return np.zeros(0)
    scorer, encoder = _tools()
    vectors = encoder.embed([*texts, *references]).astype(np.float64)
    cosines = vectors[: len(texts)] @ vectors[len(texts) :].T
    found = [[scorer.score(reference, text)["rouge1"] for reference in references] for text in texts]
    words = np.array([[one.fmeasure + one.recall for one in row] for row in found])
    return np.asarray((words + 2 * cosines).mean(axis=1), dtype=np.float64)


def extracts(conversation: str) -> tuple[str, ...]:
    """Return the first lines of a conversation, and its longest lines in order."""
    lines = [f"{speaker}: {text}" for speaker, text in turns_in(conversation)]
    longest = sorted(sorted(range(len(lines)), key=lambda place: -len(lines[place]))[:_LINES])
    return " ".join(lines[:_LINES]), " ".join(lines[place] for place in longest)


@cache
def _tools() -> tuple[RougeScorer, Encoder]:
    return RougeScorer(["rouge1"], use_stemmer=True), open_minilm(1)
