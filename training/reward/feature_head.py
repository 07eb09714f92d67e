"""The counted part of a reward: a linear head over features of a text, fitted to preferences from a warm start.

Columns are standardized, and joined by the warm start's own score and principal components of the answers'
all-MiniLM embeddings. Cross-validation over conversations chooses the prior and the temperature.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.scoring.encoder import Encoder
from assistant.scoring.heads import COLUMNS, Reward, RoleHead, columns_of
from assistant.scoring.roles import MEASURES
from training.reward.bradley_terry import Prior, fit, fit_temperature, folds, mean_loss
from training.reward.preferences import Pair, Single

Rows = NDArray[np.float64]

_COMPONENTS = 48
_FOLDS = 5
_CHOOSE_FROM = 40
"""Fewest pairs from which priors are compared; below that the cautious one is taken."""
_SPREADS = (0.05, 0.1, 0.2, 0.6)
_VECTOR_SPREADS = (0.0, 0.05, 0.2)
_WARM_SPREAD = 0.5
"""How far the warm start's weight may be from where it is expected, as a share of that."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A prior: how far the weights of counted columns and of vectors may be from 0, and where the warm start's is
    expected. At 0 the warm start is a column like any other.
    """

    counted: float
    vector: float
    warm: float


_CAUTIOUS = 0.1
"""What the weights of counted columns may be from 0 where there are too few pairs to choose."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A fitted head: weights over raw COLUMNS and over vectors, a bias that puts the average answer at 0, and what
    cross-validation says of the training pairs (`margins`, calibrated).
    """

    roles: RoleHead
    weights: Rows
    vector: Rows | None
    bias: float
    shape: Shape
    temperature: float
    margins: Rows

    def tensors(self) -> dict[str, NDArray[Any]]:
        """As `write_reward` takes them."""
        found: dict[str, NDArray[Any]] = {"roles": self.roles.weights, "weights": self.weights}
        found["bias"] = np.array([self.bias])
        return found if self.vector is None else found | {"vector": self.vector}


class Table:
    """The numbers of every answer of some pairs and singles: counted once, fitted many times."""

    def __init__(
        self, pairs: Sequence[Pair], singles: Sequence[Single], warm: Reward | None, encoder: Encoder | None
    ) -> None:
        # Without an encoder the answers have no vectors, and the head is over what can be counted alone.
        self.pairs = tuple(pairs)
        self.singles = tuple(singles)
        self.roles = warm.roles if warm else RoleHead((), np.zeros((0, len(MEASURES)), np.float32))
        texts = [(pair.conversation, text) for pair in pairs for text in (pair.chosen, pair.rejected)]
        texts += [(single.conversation, single.answer) for single in singles]
        self.columns = columns_of(self.roles, texts)
        answers = [answer for _, answer in texts]
        self.vectors = encoder.embed(answers).astype(np.float64) if encoder else np.zeros((len(answers), 0))
        self.warm_weights = warm.weights if warm else np.zeros(len(COLUMNS))
        self.warm_vector = warm.vector if warm and encoder else None
        # Of a warm start that tuned an encoder, the counted part is what we go on from.
        self.warm_scores = self.columns @ self.warm_weights
        if self.warm_vector is not None:
            self.warm_scores = self.warm_scores + self.vectors @ self.warm_vector
        self.weights = np.array([*(pair.weight for pair in pairs), *(single.weight for single in singles)])
        self.clusters = [pair.cluster for pair in pairs] + [single.cluster for single in singles]

    def take(self, places: Sequence[int]) -> "Table":
        """The same for some of the pairs, and no singles."""
        part = object.__new__(Table)
        rows = [row for place in places for row in (2 * place, 2 * place + 1)]
        part.pairs, part.singles, part.roles = tuple(self.pairs[place] for place in places), (), self.roles
        part.columns, part.vectors, part.warm_scores = self.columns[rows], self.vectors[rows], self.warm_scores[rows]
        part.warm_weights, part.warm_vector = self.warm_weights, self.warm_vector
        part.weights, part.clusters = self.weights[list(places)], [self.clusters[place] for place in places]
        return part

    @property
    def count(self) -> int:
        """How many pairs there are."""
        return len(self.pairs)

    def warm_margins(self) -> Rows:
        """What the warm start alone says of the pairs."""
        return _paired(self.warm_scores[: 2 * self.count])


def fit_counted(table: Table, seed: int) -> Counted:
    """Choose a prior, a temperature and the weights."""
    basis = _Basis(table)
    rows = basis.differences(table)
    vector_spreads = _VECTOR_SPREADS if table.vectors.shape[1] else (0.0,)
    # What a warm start made for other texts is sure of says little here: it counts as far as the ratings bear it out.
    trusted = min(1.0, 1.0 / fit_temperature(table.warm_margins(), table.weights[: table.count]))
    shapes = [Shape(*values) for values in product(_SPREADS, vector_spreads, (0.0, trusted))]
    if table.count < _CHOOSE_FROM:
        shapes = [Shape(_CAUTIOUS, 0.0, trusted)]
    judged = [(shape, _left_out_margins(rows, table, basis, shape, seed)) for shape in shapes]
    weights = table.weights[: table.count]
    shape, margins = min(judged, key=lambda one: mean_loss(one[1] / fit_temperature(one[1], weights), weights))
    # Twelve pairs can't tell a temperature; a pinch of "as it is" keeps it from running off.
    temperature = fit_temperature(margins, weights) if table.count >= _CHOOSE_FROM else 1.5
    fitted = fit(rows, table.weights, basis.prior(shape)) / temperature
    raw, vector, bias = basis.unfold(fitted, shape)
    return Counted(table.roles, raw, vector, bias, shape, temperature, margins / temperature)


def margins_of(counted: Counted, table: Table) -> Rows:
    """What the head says of the pairs of a table."""
    scores = table.columns @ counted.weights
    if counted.vector is not None:
        scores = scores + table.vectors @ counted.vector
    return _paired(scores[: 2 * table.count])


class _Basis:
    """Columns as they are fitted: the warm start's score, standardised columns, standardised components."""

    def __init__(self, table: Table) -> None:
        self.middle = table.columns.mean(axis=0)
        spread = table.columns.std(axis=0)
        # A column that hardly ever varies would weigh a single text beyond all measure.
        self.scale = np.where(spread > 1e-6, np.maximum(spread, 0.05 * np.abs(self.middle) + 1e-3), np.inf)
        self.vector_middle = table.vectors.mean(axis=0)
        left = table.vectors - self.vector_middle
        _, sizes, axes = np.linalg.svd(left, full_matrices=False)
        kept = min(_COMPONENTS, len(sizes), max(1, len(left) // 4))
        self.axes = axes[:kept]
        # One scale for all components: the small ones stay small.
        self.vector_scale = max(float(np.max(sizes, initial=0.0) / np.sqrt(len(left))), 1e-6)
        self.table = table

    def differences(self, table: Table) -> Rows:
        """Chosen less rejected, and singles as they stand, those called bad turned around; (items, columns)."""
        counted = np.hstack(
            [
                (table.warm_scores - self.table.warm_scores.mean())[:, None],
                (table.columns - self.middle) / self.scale,
                (table.vectors - self.vector_middle) @ self.axes.T / self.vector_scale,
            ]
        )
        edge = 2 * table.count
        signs = np.array([1.0 if single.good else -1.0 for single in table.singles])
        return np.vstack([counted[:edge:2] - counted[1:edge:2], counted[edge:] * signs[:, None]])

    def prior(self, shape: Shape) -> Prior:
        """The prior of that shape for these columns."""
        mean = np.zeros(1 + len(self.scale) + len(self.axes))
        mean[0] = shape.warm
        warm = max(float(self.table.warm_scores.std()), 1e-6)
        is_warm = bool(np.any(self.table.warm_scores))
        spread = np.concatenate(
            [
                [(_WARM_SPREAD * shape.warm or shape.counted / warm) if is_warm else 0.0],
                np.full(len(self.scale), shape.counted),
                np.full(len(self.axes), shape.vector),
            ]
        )
        return Prior(mean, spread)

    def unfold(self, fitted: Rows, shape: Shape) -> tuple[Rows, Rows | None, float]:
        """Weights over raw columns and vectors, and the bias that puts the average answer at 0."""
        width = len(self.scale)
        raw = fitted[1 : 1 + width] / self.scale + fitted[0] * self.table.warm_weights
        vector = None
        if shape.vector > 0 or self.table.warm_vector is not None:
            vector = self.axes.T @ fitted[1 + width :] / self.vector_scale
            if self.table.warm_vector is not None:
                vector = vector + fitted[0] * self.table.warm_vector
        average = float(self.middle @ raw) + (float(self.vector_middle @ vector) if vector is not None else 0.0)
        return raw, vector, -average


def _left_out_margins(rows: Rows, table: Table, basis: _Basis, shape: Shape, seed: int) -> Rows:
    """The margin of every pair from weights that its conversation had no part in."""
    prior = basis.prior(shape)
    margins = np.zeros(table.count)
    for train, test in folds(table.clusters, _FOLDS, seed):
        pairs = test[test < table.count]
        margins[pairs] = rows[pairs] @ fit(rows[train], table.weights[train], prior)
    return margins


def _paired(scores: Rows) -> Rows:
    return np.asarray(scores[::2] - scores[1::2], dtype=np.float64)
