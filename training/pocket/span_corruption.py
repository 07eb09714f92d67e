"""Span corruption (Raffel et al. 2020, section 3.1.4): hides runs of tokens, which the model learns to restore."""

import itertools
import random
from collections.abc import Sequence

from training.runs.data.batches import Example

_HIDDEN = 0.15
"""Share of the tokens to hide."""
_SPAN = 3.0
"""Mean length of a hidden run, in tokens."""
SHORTEST = 2
"""Fewest tokens of a text: one to hide, one to see."""


def hide_spans(ids: Sequence[int], sentinels: Sequence[int], end: int, rng: random.Random) -> Example:
    """Return the text with a sentinel for each hidden run, and as the target each sentinel with its run. Both end in
    `end`.

    `ids` has at least SHORTEST tokens and no EOS. The first token is never hidden. The numbers of hidden tokens and of
    runs depend only on the length of the text; lengths and places of the runs are random.
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
    """Split the total into `count` parts of at least 1, uniformly at random."""
    cuts = [0, *sorted(rng.sample(range(1, total), count - 1)), total]
    return [high - low for low, high in itertools.pairwise(cuts)]
