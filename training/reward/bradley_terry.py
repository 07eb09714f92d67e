"""Fits a linear head to preference pairs: Bradley-Terry with a Gaussian prior, by Newton's method.

Maximizes sum_i w_i log sigmoid(x_i beta) - sum_j (beta_j - prior_j)^2 / (2 s_j^2), where x_i is the chosen row minus
the rejected one (Bradley & Terry 1952; Newton steps as in iteratively reweighted least squares).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]

_STEPS = 50
_ENOUGH = 1e-7


@dataclass(frozen=True, slots=True)
class Prior:
    """A Gaussian prior of the weights: `mean` and `spread` (standard deviation), each (columns,)."""

    mean: Rows
    spread: Rows


def fit(differences: Rows, weights: Rows, prior: Prior) -> Rows:
    """Return the weights (columns,). `differences` is (n, columns), chosen minus rejected; `weights` is (n,)."""
    scaled = differences * prior.spread
    offset = differences @ prior.mean
    point = np.zeros(scaled.shape[1])  # beta = mean + spread * point

    def loss(at: Rows) -> float:
        return float(weights @ np.logaddexp(0.0, -(offset + scaled @ at)) + 0.5 * at @ at)

    for _ in range(_STEPS):
        doubt = _sigmoid(-(offset + scaled @ point))
        gradient = scaled.T @ (weights * doubt) - point
        curvature = (scaled * (weights * doubt * (1 - doubt))[:, None]).T @ scaled
        step = np.linalg.solve(curvature + np.eye(len(point)), gradient)
        # Halve the step until the loss does not rise: far from the optimum, Newton's method may overshoot.
        size, before = 1.0, loss(point)
        while size > 1e-6 and loss(point + size * step) > before:
            size /= 2
        point = point + size * step
        if float(np.abs(step).max(initial=0.0)) < _ENOUGH:
            break
    return np.asarray(prior.mean + prior.spread * point, dtype=np.float64)


def fit_temperature(margins: Rows, weights: Rows) -> float:
    """Return the temperature that calibrates the scores: divided by it, the logistic of a difference is the probability
    of that preference (Guo et al. 2017).

    Searches between 1/4 and 100 by golden section on the logarithm. Uninformative margins give 100.
    """
    low, high = np.log(0.25), np.log(100.0)
    ratio = (np.sqrt(5.0) - 1.0) / 2.0

    def loss(log_temperature: float) -> float:
        return float(weights @ np.logaddexp(0.0, -margins / np.exp(log_temperature)))

    while high - low > 1e-3:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) <= loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def folds(clusters: Sequence[str], count: int, seed: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield (train, test) indices for each of `count` folds. A cluster is never on both sides."""
    names = sorted(set(clusters))
    order = np.random.default_rng(seed).permutation(len(names))
    fold_of = {names[place]: position % count for position, place in enumerate(order)}
    given = np.array([fold_of[cluster] for cluster in clusters])
    for fold in range(min(count, len(names))):
        yield np.flatnonzero(given != fold), np.flatnonzero(given == fold)


def mean_loss(margins: Rows, weights: Rows) -> float:
    """Return the weighted mean of -log sigmoid(margin), in nats."""
    return float(weights @ np.logaddexp(0.0, -margins) / weights.sum())


def calibration_error(margins: Rows, bins: int = 10) -> float:
    """Return the expected calibration error: the mean difference between confidence (0.5 to 1) and accuracy, over bins
    with equally many pairs (Naeini et al. 2015, bins by rank).
    """
    sure = _sigmoid(np.abs(margins))
    right = (margins > 0) + 0.5 * (margins == 0)
    parts = np.array_split(np.argsort(sure, kind="stable"), min(bins, max(1, len(margins) // 10)))
    return float(sum(abs(sure[part].mean() - right[part].mean()) * len(part) for part in parts) / len(margins))


def accuracy_of(margins: Rows) -> Rows:
    """Return 1 for each pair whose chosen text scores higher, 0 for lower and 0.5 for a tie; (n,)."""
    return np.asarray((margins > 0) + 0.5 * (margins == 0), dtype=np.float64)


def _sigmoid(values: Rows) -> Rows:
    return np.asarray(0.5 * (1.0 + np.tanh(values / 2)), dtype=np.float64)
