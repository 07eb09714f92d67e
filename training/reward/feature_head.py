"""The counted part of a reward: a linear head over features of a text, fitted to preferences from a warm start.

Features are standardized counts, the warm start's score, and principal components of the answers' all-MiniLM
embeddings. Cross-validation over conversations chooses the prior and the temperature.

People like answers about conversations, chats, passages and requests for different reasons. Each kind with enough pairs
therefore gets its own weights; the other kinds share weights fitted to all pairs.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.scoring.encoder import Encoder
from assistant.scoring.faithfulness.roles import MEASURES
from assistant.scoring.heads import COLUMNS, LinearHead, Reward, RoleHead, by_head, columns_of
from assistant.scoring.kinds import Kind, kind_of
from training.reward.bradley_terry import Prior, fit, fit_temperature, folds, mean_loss
from training.reward.preferences import Pair, Single

Rows = NDArray[np.float64]

_COMPONENTS = 48
_FOLDS = 5
_CHOOSE_FROM = 40
"""Fewest pairs for choosing a prior by cross-validation, and for weights of a kind's own."""
_SPREADS = (0.05, 0.1, 0.2, 0.6)
_VECTOR_SPREADS = (0.0, 0.05, 0.2)
_WARM_SPREAD = 0.5
"""Standard deviation of the warm start's weight, as a share of its prior mean."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A prior: the standard deviations of the weights of counted columns and of vector components, both around 0, and
    the mean of the warm start's weight. If that is 0, the warm start is treated as one more counted column.
    """

    counted: float
    vector: float
    warm: float


_MEMBERS = 5
"""Number of heads fitted to resampled conversations. Their disagreement is the reward's doubt."""
_KNOWN: Kind = "conversation"
"""The kind that the warm start was made for."""
_CAUTIOUS = 0.1
"""Standard deviation of the weights of counted columns with too few pairs to choose one."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A fitted head: `rest` for all kinds without a head in `kinds`. Biases put the average answer at 0. `margins` are
    the calibrated margins of the training pairs by cross-validation.
    """

    roles: RoleHead
    rest: LinearHead
    shape: Shape
    temperature: float
    margins: Rows
    kinds: dict[Kind, LinearHead] = field(default_factory=dict)
    untaught: tuple[Kind, ...] = ()
    """Kinds that keep the warm start's head, because too few of their pairs were rated."""

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the tensors for `write_reward`."""
        found = {"roles": self.roles.weights, **self.rest.tensors()}
        for kind, head in self.kinds.items():
            found |= head.tensors(f"{kind}.")
        return found


class Table:
    """The features of all answers in some pairs and singles, computed once for many fits.

    Rows are the chosen and the rejected answer of each pair in turn, then the answers of the singles. Without an
    encoder, `vectors` has width 0.
    """

    def __init__(
        self, pairs: Sequence[Pair], singles: Sequence[Single], warm: Reward | None, encoder: Encoder | None
    ) -> None:
        self.pairs = tuple(pairs)
        self.singles = tuple(singles)
        self.roles = warm.roles if warm else RoleHead((), np.zeros((0, len(MEASURES)), np.float32))
        texts = [(pair.conversation, text) for pair in pairs for text in (pair.chosen, pair.rejected)]
        texts += [(single.conversation, single.answer) for single in singles]
        self.columns = columns_of(self.roles, texts)
        answers = [answer for _, answer in texts]
        self.vectors = encoder.embed(answers).astype(np.float64) if encoder else np.zeros((len(answers), 0))
        self.kinds = [kind_of(conversation) for conversation, _ in texts]
        self.warm = warm
        self.warm_head, self.warm_scores = self._warm(None)
        self.weights = np.array([*(pair.weight for pair in pairs), *(single.weight for single in singles)])
        self.clusters = [pair.cluster for pair in pairs] + [single.cluster for single in singles]

    def take(self, places: Sequence[int], singles: Sequence[int] = ()) -> "Table":
        """Return the table of some pairs and some singles, by index."""
        part = object.__new__(Table)
        rows = [row for place in places for row in (2 * place, 2 * place + 1)]
        rows += [2 * self.count + place for place in singles]
        items = [*places, *(self.count + place for place in singles)]
        part.pairs, part.singles = tuple(self.pairs[n] for n in places), tuple(self.singles[n] for n in singles)
        part.columns, part.vectors, part.warm_scores = self.columns[rows], self.vectors[rows], self.warm_scores[rows]
        part.roles, part.warm, part.warm_head = self.roles, self.warm, self.warm_head
        part.weights, part.clusters = self.weights[items], [self.clusters[item] for item in items]
        part.kinds = [self.kinds[row] for row in rows]
        return part

    def of_kind(self, kind: Kind) -> "Table":
        """Return the pairs and singles of a kind, with the warm start's head for it."""
        alone = self.kinds[2 * self.count :]
        part = self.take(_places(self, kind), [place for place, one in enumerate(alone) if one == kind])
        part.warm_head, part.warm_scores = part._warm(kind)
        return part

    def _warm(self, kind: Kind | None) -> tuple[LinearHead, Rows]:
        """Return the warm start's head for the kind, and the warm start's score of each row, without that of a tuned
        encoder.
        """
        if self.warm is None:
            return LinearHead(np.zeros(len(COLUMNS))), np.zeros(len(self.columns))
        rest, own = self.warm.rest, [self.warm.head(one) for one in self.kinds]
        if not self.vectors.shape[1]:
            bare = {id(head): replace(head, vector=None, members=()) for head in (rest, *own)}
            rest, own = bare[id(rest)], [bare[id(head)] for head in own]
        return (rest if kind is None or not own else own[0]), by_head(LinearHead.score, own, self.columns, self.vectors)

    @property
    def count(self) -> int:
        """Number of pairs."""
        return len(self.pairs)

    def warm_margins(self) -> Rows:
        """Return the warm start's margins of the pairs, (count,)."""
        return _paired(self.warm_scores[: 2 * self.count])


def fit_counted(table: Table, seed: int) -> Counted:
    """Fit prior, temperature and weights, for each kind with enough pairs and for the rest.

    If other kinds have enough pairs but conversations do not, conversations keep the warm start's head.
    """
    fitted = _fit(table, seed)
    counts = Counter(table.kinds[: 2 * table.count : 2])
    enough = [kind for kind, count in counts.items() if count >= _CHOOSE_FROM]
    if set(counts) == {_KNOWN} or not enough:
        return fitted
    heads: dict[Kind, LinearHead] = {}
    untaught: tuple[Kind, ...] = ()
    margins = fitted.margins.copy()
    for kind in enough:
        own = fitted if len(counts) == 1 else _fit(table.of_kind(kind), seed)
        heads[kind] = own.rest
        margins[_places(table, kind)] = own.margins
    if _KNOWN not in enough and table.warm is not None:
        heads[_KNOWN], untaught = table.warm.head(_KNOWN), (_KNOWN,)
        if _KNOWN in counts:
            margins[_places(table, _KNOWN)] = table.of_kind(_KNOWN).warm_margins()
    return replace(fitted, margins=margins, kinds=heads, untaught=untaught)


def _fit(table: Table, seed: int) -> Counted:
    """Fit one head to the whole table."""
    basis = _Basis(table)
    rows = basis.differences(table)
    vector_spreads = _VECTOR_SPREADS if table.vectors.shape[1] else (0.0,)
    # The warm start may be overconfident on these texts, so scale its expected weight by its calibration on the pairs.
    trusted = min(1.0, 1.0 / fit_temperature(table.warm_margins(), table.weights[: table.count]))
    shapes = [Shape(*values) for values in product(_SPREADS, vector_spreads, (0.0, trusted))]
    if table.count < _CHOOSE_FROM:
        shapes = [Shape(_CAUTIOUS, 0.0, trusted)]
    judged = [(shape, _left_out_margins(rows, table, basis, shape, seed)) for shape in shapes]
    weights = table.weights[: table.count]
    shape, margins = min(judged, key=lambda one: mean_loss(one[1] / fit_temperature(one[1], weights), weights))
    # Few pairs cannot determine a temperature.
    temperature = fit_temperature(margins, weights) if table.count >= _CHOOSE_FROM else 1.5
    head, *members = [
        basis.unfold(fit(rows, shares, basis.prior(shape)) / temperature, shape)
        for shares in (table.weights, *_resampled(table, seed))
    ]
    return Counted(table.roles, replace(head, members=tuple(members)), shape, temperature, margins / temperature)


def _resampled(table: Table, seed: int) -> Iterator[Rows]:
    """Yield weights of pairs and singles for bootstrap samples of the conversations."""
    names, places = np.unique(table.clusters, return_inverse=True)
    rng = np.random.default_rng(seed)
    for _ in range(_MEMBERS):
        counts = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        yield table.weights * counts[places]


def margins_of(counted: Counted, table: Table) -> Rows:
    """Return the head's margins of the pairs of a table, (count,)."""
    heads = [counted.kinds.get(kind, counted.rest) for kind in table.kinds]
    return _paired(by_head(LinearHead.score, heads, table.columns, table.vectors)[: 2 * table.count])


def _places(table: Table, kind: Kind) -> list[int]:
    return [place for place in range(table.count) if table.kinds[2 * place] == kind]


class _Basis:
    """The basis of a fit: the warm start's score, standardized columns, and scaled principal components."""

    def __init__(self, table: Table) -> None:
        self.middle = table.columns.mean(axis=0)
        spread = table.columns.std(axis=0)
        # A column that hardly varies would give a single text a huge value.
        self.scale = np.where(spread > 1e-6, np.maximum(spread, 0.05 * np.abs(self.middle) + 1e-3), np.inf)
        self.vector_middle = table.vectors.mean(axis=0)
        left = table.vectors - self.vector_middle
        _, sizes, axes = np.linalg.svd(left, full_matrices=False)
        kept = min(_COMPONENTS, len(sizes), max(1, len(left) // 4))
        self.axes = axes[:kept]
        # All components share one scale, so that small ones stay small.
        self.vector_scale = max(float(np.max(sizes, initial=0.0) / np.sqrt(len(left))), 1e-6)
        self.table = table

    def differences(self, table: Table) -> Rows:
        """Return chosen minus rejected for pairs, then the singles, with those rated bad negated; (items, columns)."""
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
        """Return the prior of this shape for the columns of the basis."""
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

    def unfold(self, fitted: Rows, shape: Shape) -> LinearHead:
        """Return the head over raw columns and vectors, with the bias that puts the average answer at 0."""
        width, warm = len(self.scale), self.table.warm_head
        raw = fitted[1 : 1 + width] / self.scale + fitted[0] * warm.weights
        vector = None
        if shape.vector > 0 or warm.vector is not None:
            vector = self.axes.T @ fitted[1 + width :] / self.vector_scale
            if warm.vector is not None:
                vector = vector + fitted[0] * warm.vector
        average = float(self.middle @ raw) + (float(self.vector_middle @ vector) if vector is not None else 0.0)
        return LinearHead(raw, -average, vector)


def _left_out_margins(rows: Rows, table: Table, basis: _Basis, shape: Shape, seed: int) -> Rows:
    """Return the margin of each pair by cross-validation over conversations, (count,)."""
    prior = basis.prior(shape)
    margins = np.zeros(table.count)
    for train, test in folds(table.clusters, _FOLDS, seed):
        pairs = test[test < table.count]
        margins[pairs] = rows[pairs] @ fit(rows[train], table.weights[train], prior)
    return margins


def _paired(scores: Rows) -> Rows:
    return np.asarray(scores[::2] - scores[1::2], dtype=np.float64)
