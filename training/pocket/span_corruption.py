"""Span corruption (Raffel et al. 2020, 3.1.4): hides runs of tokens that the model learns to write."""

import itertools
import random
from collections.abc import Sequence

from training.runs.data.batches import Example

_HIDDEN = 0.15
"""Share of the tokens that are hidden."""
_SPAN = 3.0
"""Tokens in a hidden run, on average."""
SHORTEST = 2
"""So many tokens a text needs: one to hide, one to go by."""


def hide_spans(ids: Sequence[int], sentinels: Sequence[int], end: int, rng: random.Random) -> Example:
    """The text with a sentinel for each hidden run, and what each sentinel stands for; both end in `end`.

    `ids` has SHORTEST tokens at least and no end of its own. The first token is always seen. Of two texts of the same
    length as many tokens are hidden in as many runs; how long each run is, and where, is drawn.
    """
    hidden = min(max(round(len(ids) * _HIDDEN), 1), len(ids) - 1)
    runs = min(max(round(hidden / _SPAN), 1), len(sentinels) - 1)
    seen_lengths, hidden_lengths = _parts(len(ids) - hidden, runs, rng), _parts(hidden, runs, rng)
    source: list[int] = []
    target: list[int] = []
    place = 0
    for sentinel, seen, gone in zip(sentinels, seen_lengths, hidden_lengths, strict=False):
        source += [*ids[place : place + seen], sentinel]
        target += [sentinel, *ids[place + seen : place + seen + gone]]
        place += seen + gone
    return Example([*source, end], [*target, sentinels[runs], end])


def _parts(total: int, count: int, rng: random.Random) -> list[int]:
    """The total in so many parts of one at least, every way of parting it alike likely."""
    cuts = [0, *sorted(rng.sample(range(1, total), count - 1)), total]
    return [high - low for low, high in itertools.pairwise(cuts)]
