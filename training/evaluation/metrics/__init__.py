"""Metrics of summaries. METRICS maps names to metrics over cases.

A metric scores each case by itself, and `pool` turns the scores of all cases into its figures, so that a bootstrap does
not read the texts again. `training.evaluation.metrics.offline` wraps every entry as an `evaluate.Metric`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics.case import Case
from training.evaluation.metrics.faithfulness import COPY_RUN, copied_share, covered_share, has_unsupported
from training.evaluation.metrics.form import REPEATED_RUN, has_repetition, is_cut_off, is_empty, word_count
from training.evaluation.metrics.overlap import (
    BLEU_SIGNATURE,
    ROUGE_SIGNATURE,
    ROUGE_TYPES,
    bleu_counts,
    pool_bleu,
    rouge,
)

__all__ = ["METRICS", "Case", "Metric", "Scores"]

Scores = NDArray[np.float64]
"""(cases, numbers per case)."""


@dataclass(frozen=True)
class Metric:
    """A metric. `figures` names what `pool` returns; `about` describes the computation."""

    figures: tuple[str, ...]
    score: Callable[[Case], tuple[float, ...]]
    pool: Callable[[Scores], tuple[float, ...]]
    about: str
    higher_is_better: bool | None = None
    """None if neither direction is better."""
    scores_cases: bool = True
    """Whether the score of a case is its figures. False for corpus BLEU, whose scores are counts."""


def _means(scores: Scores) -> tuple[float, ...]:
    return tuple(float(value) for value in scores.mean(axis=0))


def _median(scores: Scores) -> tuple[float, ...]:
    return (float(np.median(scores)),)


def _share(holds: Callable[[Case], bool | float]) -> Callable[[Case], tuple[float, ...]]:
    return lambda case: (float(holds(case)),)


METRICS: dict[str, Metric] = {
    "rouge": Metric(ROUGE_TYPES, rouge, _means, ROUGE_SIGNATURE, higher_is_better=True),
    "bleu": Metric(("bleu",), bleu_counts, pool_bleu, BLEU_SIGNATURE, higher_is_better=True, scores_cases=False),
    "length": Metric(("words_median",), _share(word_count), _median, "median number of words"),
    "unsupported": Metric(
        ("unsupported_rate",),
        _share(has_unsupported),
        _means,
        "share of summaries with a name or number that the conversation does not contain",
        higher_is_better=False,
    ),
    "coverage": Metric(
        ("coverage",),
        _share(covered_share),
        _means,
        "share of what matters in the conversation that the summary says",
        higher_is_better=True,
    ),
    "repetition": Metric(
        ("repeated",),
        _share(has_repetition),
        _means,
        f"share of summaries in which {REPEATED_RUN} words in a row come again",
        higher_is_better=False,
    ),
    "empty": Metric(("empty",), _share(is_empty), _means, "share of summaries without a word", higher_is_better=False),
    "cut_off": Metric(
        ("cut_off",), _share(is_cut_off), _means, "share of summaries that end in mid-sentence", higher_is_better=False
    ),
    "copied": Metric(
        ("copied",),
        _share(copied_share),
        _means,
        f"share of the summary's runs of {COPY_RUN} words that stand in the conversation",
    ),
}
