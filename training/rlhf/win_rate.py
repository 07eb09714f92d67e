"""How often one model beats another on the same conversations: without ties, with intervals that resample
conversations, and at equal length.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from training.evaluation.metrics.bootstrap import interval, resamples

_RIDGE = 0.05
"""Keeps the logistic fit finite where length and wins go together without exception; little beside 100 wins."""
_TOLERANCE = 1e-8
"""Largest slope that a fit may stop at."""
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WinRate:
    """Wins as a share of wins and losses; None where everything is a tie. `at_equal_length` is the share that the
    same comparisons give where both texts are of one length.
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
    """Compare a candidate with the current model, one gain (candidate's score less the current one's) a conversation.

    A gain of 0 is a tie. `lengths` are words (current, candidate). Conversations of one cluster are drawn together.
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
    """The chance to win at a length ratio of 1, by logistic regression on the log ratio (in the manner of Dubois et
    al. 2024, arXiv:2404.04475).
    """
    # A column of ones for the intercept, so that the ridge holds it too. Each row stands there won and lost, with a
    # weight of 1 and 0: where everything was won, the fit has both classes still.
    design = np.stack([np.ones_like(longer), longer], axis=1)
    outcomes = np.repeat([True, False], len(won))
    model = LogisticRegression(C=1 / _RIDGE, fit_intercept=False, solver="newton-cholesky", tol=_TOLERANCE)
    model.fit(np.tile(design, (2, 1)), outcomes, sample_weight=np.concatenate([won, ~won]).astype(np.float64))
    return float(model.predict_proba([[1.0, 0.0]])[0, 1])
