"""Metrics from small trained models: semantic similarity to the references, and toxicity. Both use all-MiniLM
embeddings; a classifier from the Hub may replace the toxicity head.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from assistant.scoring.encoder import Encoder, open_minilm
from assistant.scoring.heads import Toxicity
from training.evaluation.metrics import Metric, Scores
from training.evaluation.metrics.case import Case

Vector = NDArray[np.float32]


@cache
def _encoder() -> Encoder:
    return open_minilm(0)


@cache
def _toxicity_head() -> Toxicity:
    return Toxicity()


# Cached, because comparisons score the same texts again.
@lru_cache(maxsize=20_000)
def _vector(text: str) -> Vector:
    found: Vector = _encoder().embed([text])[0]
    return found


@lru_cache(maxsize=20_000)
def _toxic(text: str) -> float:
    return _toxicity_head().score([text])[0]


def similarity(case: Case) -> tuple[float, ...]:
    """Return the cosine of prediction and reference embeddings, averaged over references; 0 for an empty text."""
    if not case.prediction.strip():
        return (0.0,)
    written = _vector(case.prediction)
    return (float(np.mean([written @ _vector(reference) for reference in case.references])),)


def toxicity(case: Case) -> tuple[float, ...]:
    """Return the probability (0 to 1) that the summary is hateful or offensive; 0 for an empty text."""
    return (_toxic(case.prediction) if case.prediction.strip() else 0.0,)


def _mean(scores: Scores) -> tuple[float, ...]:
    return (float(scores.mean()),)


LEARNED: dict[str, Metric] = {
    "similarity": Metric(
        ("similarity",), similarity, _mean, "cosine to the references by all-MiniLM-L6-v2", higher_is_better=True
    ),
    "toxicity": Metric(
        ("toxicity",), toxicity, _mean, "mean probability of the bundled toxicity head", higher_is_better=False
    ),
}


def judged_by(score: Callable[[Sequence[str]], Sequence[float]], name: str) -> Metric:
    """Return the metric `toxicity` with another classifier: `score` returns the probability of each text."""

    @lru_cache(maxsize=20_000)
    def probability(text: str) -> float:
        return score([text])[0]

    def judge(case: Case) -> tuple[float, ...]:
        return (probability(case.prediction) if case.prediction.strip() else 0.0,)

    return replace(LEARNED["toxicity"], score=judge, about=f"mean probability by {name}")
