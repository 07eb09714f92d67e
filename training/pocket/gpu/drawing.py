"""Draws packed batches from a bundle. A batch depends only on the seed and its number, so that a resumed training sees
the same batches, and several processes can draw in advance.
"""

import random
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from training.pocket.gpu.bundle import LENGTHS, PAIRS, Bundle, Ids, Phase, Source
from training.pocket.gpu.network import IGNORED, START
from training.pocket.span_corruption import SHORTEST, hide_spans
from training.runs.data.batches import Example

_SHARE_OF_PREFIXES = 0.5
"""Share of the plain texts that the model continues; it restores hidden runs in the others."""
_SWAPPED = 0.5
_LONGER = 1.09
"""Length of a text relative to the text with about 15 % of its tokens, in runs of 3, replaced by sentinels."""
Batch = dict[str, npt.NDArray[np.int64]]


class Batches:
    """The batches of one phase by number, as a data set for torch's DataLoader."""

    def __init__(self, bundle: Bundle, phase: Phase, rows: int, seed: int) -> None:
        self.bundle, self.phase, self.rows, self.seed = bundle, phase, rows, seed
        self.sources = bundle.of(phase)
        self.lengths = LENGTHS[phase]
        self._swapped = np.arange(bundle.shape.vocab_size, dtype=np.uint16)
        for one, other in bundle.marks.swaps:
            self._swapped[one] = other

    def __getitem__(self, number: int) -> Batch:
        """Return packed ids, (rows, source length) and (rows, target length)."""
        rng = random.Random(f"{self.seed}/{self.phase}/{number}")
        return pack(self._examples(rng), self.rows, self.lengths)[0]

    def in_order(self) -> Iterator[Batch]:
        """Yield batches of every pair once, without augmentation, for the held-out loss."""
        pairs = (_pair(source, index) for source in self.sources for index in range(len(source)))
        left = [example for example in pairs if _fits(example, self.lengths)]
        while left:
            batch, taken = pack(left, self.rows, self.lengths)
            yield batch
            left = left[taken:]

    def _examples(self, rng: random.Random) -> Iterator[Example]:
        weights = [source.weight for source in self.sources]
        while True:
            (source,) = rng.choices(self.sources, weights)
            example = self._drawn(source, rng)
            if example and _fits(example, self.lengths):
                yield example

    def _drawn(self, source: Source, rng: random.Random) -> Example | None:
        is_swapped = rng.random() < _SWAPPED
        if source.kind == PAIRS:
            example = _pair(source, rng.randrange(len(source)))
        else:
            ids = self._stretch(source, rng)
            if len(ids) < SHORTEST:
                return None
            example = self._task(ids.tolist(), rng)
        if not is_swapped:
            return example
        return Example(self._swapped[example.source].tolist(), self._swapped[example.target].tolist())

    def _stretch(self, source: Source, rng: random.Random) -> Ids:
        """Return a random stretch of a text, as long as a row allows. It contains a token drawn uniformly from all."""
        place = rng.randrange(len(source.ids))
        index = int(np.searchsorted(source.ends, place, side="right"))
        start, end = (int(source.ends[index - 1]) if index else 0), int(source.ends[index])
        longest = int((self.lengths[0] - 2) * _LONGER)
        if end - start > longest:
            start = min(max(start, place - rng.randrange(longest)), end - longest)
        return source.ids[start : min(end, start + longest)]

    def _task(self, ids: list[int], rng: random.Random) -> Example:
        """Make a denoising or a prefix-continuation example (Raffel et al. 2020, sections 3.1.4 and 3.2.3)."""
        marks = self.bundle.marks
        if rng.random() >= _SHARE_OF_PREFIXES:
            return hide_spans(ids, marks.sentinels, marks.end, rng)
        cut = max(1, rng.randrange(len(ids)))
        before, after = ids[:cut][-(self.lengths[0] - 2) :], ids[cut:][: self.lengths[1] - 1]
        return Example([*before, marks.sentinels[-1], marks.end], [*after, marks.end])


def pack(examples: Iterable[Example], rows: int, lengths: tuple[int, int]) -> tuple[Batch, int]:
    """Pack examples, each into the first row with room, until one does not fit. Return the batch and the number of
    examples in it.
    """
    height, width = lengths
    batch = {name: np.zeros((rows, height), np.int64) for name in ("source", "source_docs")}
    batch |= {name: np.zeros((rows, width), np.int64) for name in ("inputs", "target_docs")}
    batch["labels"] = np.full((rows, width), IGNORED, np.int64)
    used = np.zeros((rows, 2), np.int64)
    docs = [0] * rows
    taken = 0
    for example in examples:
        sizes = (len(example.source), len(example.target))
        row = int(np.argmax((used + sizes <= lengths).all(axis=1)))
        if (used[row] + sizes > lengths).any():
            break
        docs[row] += 1
        at, to = (slice(start, start + size) for start, size in zip(used[row].tolist(), sizes, strict=True))
        batch["source"][row, at], batch["source_docs"][row, at] = example.source, docs[row]
        batch["inputs"][row, to], batch["target_docs"][row, to] = [START, *example.target[:-1]], docs[row]
        batch["labels"][row, to] = example.target
        used[row] += sizes
        taken += 1
    return batch, taken


def _pair(source: Source, index: int) -> Example:
    return Example(source.text(2 * index).tolist(), source.text(2 * index + 1).tolist())


def _fits(example: Example, lengths: tuple[int, int]) -> bool:
    return len(example.source) <= lengths[0] and len(example.target) <= lengths[1]
