"""Token ids -> padded batches of like length.

Shapes: sources (batch, source length) padded with `pad` on the right, labels (batch, target length) padded with -100,
which the loss leaves out. `exchanged` has the labels' shape and is -100 throughout where an example has none.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

IGNORED = -100
_STEP = 16
"""Source lengths are rounded up to a multiple of this, so that few shapes occur."""


@dataclass(frozen=True, slots=True)
class Example:
    """One source and one target as token ids, each ending in `</s>`; `exchanged` is the target with its first two
    speakers exchanged, where it names one of them and the training is to tell the two apart.
    """

    source: Sequence[int]
    target: Sequence[int]
    exchanged: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded ids; `attention_mask` is 1 where `input_ids` holds a token."""

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor
    exchanged: torch.Tensor


def bucket(examples: Sequence[Example], tokens: int, rng: random.Random) -> list[list[int]]:
    """Part the examples' indices into batches of at most `tokens` padded source tokens, in random order.

    Like lengths are found among a thousand random neighbours, so that batches still mix; a single longer example is a
    batch of its own.
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
    """The length rounded up to the width that batches are padded to."""
    return -(-length // _STEP) * _STEP
