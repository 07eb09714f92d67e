"""Computes how often one model beats another on the same conversations: without ties, with intervals that resample
clusters of conversations, and at equal length.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from training.evaluation.metrics.bootstrap import interval, resamples

_RIDGE = 0.05
"""Ridge penalty: keeps the logistic fit finite if length separates wins from losses; negligible with 100 wins."""
_TOLERANCE = 1e-8
"""Gradient at which the fit stops."""
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WinRate:
    """`value` is wins / (wins + losses), `at_equal_length` its estimate for texts of equal length, each with a 95 %
    interval; None if all comparisons are ties. `length_ratio` is the candidate's mean words over the current model's.
    """

    wins: int
    losses: int
    ties: int
    value: float | None
    ci: tuple[float, float] | None
    at_equal_length: float | None
    ci_at_equal_length: tuple[float, float] | None
    length_ratio: float


def win_rate(gains: Sequence[float], lengths: Sequence[tuple[float, float]], clusters: Sequence[str]) -> WinRate:
    """Compare a candidate with the current model. `gains` has one number per conversation: the candidate's score minus
    the current model's; 0 is a tie. `lengths` are words (current, candidate). Conversations of one cluster are
    resampled together.
    """
    gained = np.asarray(gains, dtype=np.float64)
    words = np.asarray(lengths, dtype=np.float64).reshape(-1, 2)
    decided = gained != 0
    won = gained > 0
    ratio = float(words[:, 1].mean() / max(words[:, 0].mean(), 1e-9)) if len(words) else 1.0
    counts = int(won.sum()), int((gained < 0).sum()), int((~decided).sum())
    if not decided.any():
        return WinRate(*counts, None, None, None, None, ratio)
    longer = np.log((words[:, 1] + 1) / (words[:, 0] + 1))
    shares, equal = [], []
    for rows in resamples(clusters):
        kept = rows[decided[rows]]
        if len(kept):
            shares.append(float(won[kept].mean()))
            equal.append(_at_equal_length(won[kept], longer[kept]))
    return WinRate(
        *counts,
        float(won[decided].mean()),
        interval(shares),
        _at_equal_length(won[decided], longer[decided]),
        interval(equal),
        ratio,
    )


def _at_equal_length(won: NDArray[np.bool_], longer: Numbers) -> float:
    """Return the win probability at a length ratio of 1, by logistic regression on the log ratio (similar to Dubois et
    al. 2024, arXiv:2404.04475).
    """
    # A column of ones is the intercept, so that the ridge penalizes it too. Each row appears as won and as lost, one of
    # them with weight 0, because the fit needs both classes even if every comparison was won.
    design = np.stack([np.ones_like(longer), longer], axis=1)
    outcomes = np.repeat([True, False], len(won))
    model = LogisticRegression(C=1 / _RIDGE, fit_intercept=False, solver="newton-cholesky", tol=_TOLERANCE)
    model.fit(np.tile(design, (2, 1)), outcomes, sample_weight=np.concatenate([won, ~won]).astype(np.float64))
    return float(model.predict_proba([[1.0, 0.0]])[0, 1])
