"""Batches token ids of similar length, with padding.

Shapes: sources (batch, source length), padded with `pad` on the right; labels (batch, target length), padded with -100,
which the loss ignores. `exchanged` has the labels' shape, and is all -100 for examples without it.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

IGNORED = -100
_STEP = 16
"""Source lengths are rounded up to a multiple of this, to limit the number of shapes."""


@dataclass(frozen=True, slots=True)
class Example:
    """A source and a target as token ids, each ending in `</s>`. `exchanged` is the target with its first two speakers
    exchanged, if it names one of them and the training contrasts both.
    """

    source: Sequence[int]
    target: Sequence[int]
    exchanged: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded ids. `attention_mask` is 1 on tokens of `input_ids` and 0 on padding."""

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor
    exchanged: torch.Tensor


def bucket(examples: Sequence[Example], tokens: int, rng: random.Random) -> list[list[int]]:
    """Group the examples' indices into batches of at most `tokens` padded source tokens, in random order.

    Examples are sorted by length within random groups of a thousand, so that batches still mix. An example longer than
    `tokens` gets its own batch.
    """
    order = list(range(len(examples)))
    rng.shuffle(order)
    batches: list[list[int]] = []
    for start in range(0, len(order), 1000):
        current: list[int] = []
        for index in sorted(order[start : start + 1000], key=lambda i: len(examples[i].source)):
            width = rounded(len(examples[index].source))
            if current and width * (len(current) + 1) > tokens:
                batches.append(current)
                current = []
            current.append(index)
        batches.append(current)
    rng.shuffle(batches)
    return batches


def collate(examples: Sequence[Example], pad: int) -> Batch:
    """Pad the examples on the right."""
    width = rounded(max(len(example.source) for example in examples))
    height = max(max(len(example.target), len(example.exchanged)) for example in examples)
    input_ids = torch.full((len(examples), width), pad)
    mask = torch.zeros((len(examples), width), dtype=torch.long)
    labels = torch.full((len(examples), height), IGNORED)
    exchanged = torch.full((len(examples), height), IGNORED)
    for row, example in enumerate(examples):
        input_ids[row, : len(example.source)] = torch.tensor(example.source)
        mask[row, : len(example.source)] = 1
        labels[row, : len(example.target)] = torch.tensor(example.target)
        exchanged[row, : len(example.exchanged)] = torch.tensor(example.exchanged, dtype=torch.long)
    return Batch(input_ids, mask, labels, exchanged)


def rounded(length: int) -> int:
    """Round a length up to the width that batches are padded to."""
    return -(-length // _STEP) * _STEP
