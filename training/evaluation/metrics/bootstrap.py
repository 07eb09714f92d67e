"""Confidence intervals by resampling whole conversations (Efron & Tibshirani 1993, chapter 13), with a fixed seed."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
_SEED = 20261121


def resamples(clusters: Sequence[str], count: int = RESAMPLES) -> Iterator[NDArray[np.intp]]:
    """Yield the indices of `count` resamples. Clusters (conversations) are drawn whole, with replacement."""
    members: dict[str, list[int]] = {}
    for index, cluster in enumerate(clusters):
        members.setdefault(cluster, []).append(index)
    groups = [np.array(group, dtype=np.intp) for group in members.values()]
    rng = np.random.default_rng(_SEED)
    for _ in range(count):
        yield np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the bounds of the middle 95 % of the values."""
    low, high = np.percentile(np.asarray(values, dtype=float), [2.5, 97.5])
    return float(low), float(high)


def intervals(
    scores: NDArray[np.float64],
    pool: Callable[[NDArray[np.float64]], tuple[float, ...]],
    clusters: Sequence[str],
    count: int = RESAMPLES,
) -> list[tuple[float, float]]:
    """Return the 95 % interval of each figure that `pool` computes from the scores."""
    pooled = [pool(scores[indices]) for indices in resamples(clusters, count)]
    return [interval(values) for values in zip(*pooled, strict=True)]
