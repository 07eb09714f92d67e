"""The counted part of a reward: a linear head over features of a text, fitted to preferences from a warm start.

Columns are standardized, and joined by the warm start's own score and principal components of the answers'
all-MiniLM embeddings. Cross-validation over conversations chooses the prior and the temperature.

Answers about conversations, chats, passages and requests are liked for different reasons, so each kind with enough
pairs gets weights of its own, and the others share what all pairs teach.
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


_MEMBERS = 5
"""Heads fitted to resampled conversations, whose disagreement is the reward's doubt."""
_KNOWN: Kind = "conversation"
"""What the warm start was made for."""
_CAUTIOUS = 0.1
"""What the weights of counted columns may be from 0 where there are too few pairs to choose."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Fitted weights of COLUMNS and of vectors, with a bias that puts the average answer at 0, and what
    cross-validation says of the training pairs (`margins`, calibrated). `kinds` have a head of their own.
    """

    roles: RoleHead
    rest: LinearHead
    shape: Shape
    temperature: float
    margins: Rows
    kinds: dict[Kind, LinearHead] = field(default_factory=dict)
    untaught: tuple[Kind, ...] = ()
    """Kinds whose head is the warm start's, because others were rated."""

    def tensors(self) -> dict[str, NDArray[Any]]:
        """As `write_reward` takes them."""
        found = {"roles": self.roles.weights, **self.rest.tensors()}
        for kind, head in self.kinds.items():
            found |= head.tensors(f"{kind}.")
        return found


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
        self.kinds = [kind_of(conversation) for conversation, _ in texts]
        self.warm = warm
        self.warm_head, self.warm_scores = self._warm(None)
        self.weights = np.array([*(pair.weight for pair in pairs), *(single.weight for single in singles)])
        self.clusters = [pair.cluster for pair in pairs] + [single.cluster for single in singles]

    def take(self, places: Sequence[int], singles: Sequence[int] = ()) -> "Table":
        """The same for some of the pairs, and some of the singles."""
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
        """The pairs and singles about that kind, with the warm start's head for it."""
        alone = self.kinds[2 * self.count :]
        part = self.take(_places(self, kind), [place for place, one in enumerate(alone) if one == kind])
        part.warm_head, part.warm_scores = part._warm(kind)
        return part

    def _warm(self, kind: Kind | None) -> tuple[LinearHead, Rows]:
        """The head that a fit goes on from, and what the warm start says of each row: of one that tuned an encoder, the
        counted part.
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
        """How many pairs there are."""
        return len(self.pairs)

    def warm_margins(self) -> Rows:
        """What the warm start alone says of the pairs."""
        return _paired(self.warm_scores[: 2 * self.count])


def fit_counted(table: Table, seed: int) -> Counted:
    """Choose a prior, a temperature and the weights, for each kind that has enough pairs and for the rest.

    A warm start knows conversations: what is liked elsewhere does not change what it says of them.
    """
    fitted = _fit(table, seed)
    counts = Counter(table.kinds[: 2 * table.count : 2])
    enough = [kind for kind, count in counts.items() if count >= _CHOOSE_FROM]
    if len(counts) == 1 or not enough:
        return fitted
    heads: dict[Kind, LinearHead] = {}
    untaught: tuple[Kind, ...] = ()
    margins = fitted.margins.copy()
    for kind in enough:
        own = _fit(table.of_kind(kind), seed)
        heads[kind] = own.rest
        margins[_places(table, kind)] = own.margins
    if _KNOWN not in enough and table.warm is not None:
        heads[_KNOWN], untaught = table.warm.head(_KNOWN), (_KNOWN,)
        margins[_places(table, _KNOWN)] = table.of_kind(_KNOWN).warm_margins()
    return replace(fitted, margins=margins, kinds=heads, untaught=untaught)


def _fit(table: Table, seed: int) -> Counted:
    """One head for all of the table."""
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
    head, *members = [
        basis.unfold(fit(rows, shares, basis.prior(shape)) / temperature, shape)
        for shares in (table.weights, *_resampled(table, seed))
    ]
    return Counted(table.roles, replace(head, members=tuple(members)), shape, temperature, margins / temperature)


def _resampled(table: Table, seed: int) -> Iterator[Rows]:
    """The weights of pairs and singles in samples of the conversations, drawn with replacement."""
    names, places = np.unique(table.clusters, return_inverse=True)
    rng = np.random.default_rng(seed)
    for _ in range(_MEMBERS):
        counts = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        yield table.weights * counts[places]


def margins_of(counted: Counted, table: Table) -> Rows:
    """What the head says of the pairs of a table."""
    heads = [counted.kinds.get(kind, counted.rest) for kind in table.kinds]
    return _paired(by_head(LinearHead.score, heads, table.columns, table.vectors)[: 2 * table.count])


def _places(table: Table, kind: Kind) -> list[int]:
    return [place for place in range(table.count) if table.kinds[2 * place] == kind]


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

    def unfold(self, fitted: Rows, shape: Shape) -> LinearHead:
        """Weights over raw columns and vectors, and the bias that puts the average answer at 0."""
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
    """The margin of every pair from weights that its conversation had no part in."""
    prior = basis.prior(shape)
    margins = np.zeros(table.count)
    for train, test in folds(table.clusters, _FOLDS, seed):
        pairs = test[test < table.count]
        margins[pairs] = rows[pairs] @ fit(rows[train], table.weights[train], prior)
    return margins


def _paired(scores: Rows) -> Rows:
    return np.asarray(scores[::2] - scores[1::2], dtype=np.float64)
