"""Batches of token ids."""

import random

import torch

from training.runs.data.batches import IGNORED, Example, bucket, collate, rounded


def examples(*lengths: int) -> list[Example]:
    return [Example(source=[5] * length, target=[6, 1]) for length in lengths]


def test_widths_are_rounded_up_to_sixteen() -> None:
    assert [rounded(length) for length in (1, 16, 17, 32, 33)] == [16, 16, 32, 32, 48]


def test_every_example_is_in_exactly_one_batch() -> None:
    lengths = [random.Random(1).randint(1, 100) for _ in range(2500)]
    batches = bucket(examples(*lengths), 400, random.Random(2))
    assert sorted(index for batch in batches for index in batch) == list(range(2500))


def test_no_batch_exceeds_its_tokens_but_one_that_holds_a_single_longer_example() -> None:
    lengths = [random.Random(1).randint(1, 100) for _ in range(500)] + [999]
    for batch in bucket(examples(*lengths), 400, random.Random(2)):
        width = max(rounded(lengths[index]) for index in batch)
        assert width * len(batch) <= 400 or len(batch) == 1


def test_the_same_seed_gives_the_same_batches_and_another_seed_others() -> None:
    some = examples(*range(1, 200))
    assert bucket(some, 400, random.Random(3)) == bucket(some, 400, random.Random(3))
    assert bucket(some, 400, random.Random(3)) != bucket(some, 400, random.Random(4))


def test_who_shares_a_batch_follows_the_seed() -> None:
    same = examples(*[10] * 40)
    one, other = ({frozenset(batch) for batch in bucket(same, 160, random.Random(seed))} for seed in (3, 4))
    assert one != other


def test_like_lengths_share_a_batch() -> None:
    lengths = [10, 90] * 40
    for batch in bucket(examples(*lengths), 320, random.Random(1))[:-1]:
        assert len({rounded(lengths[index]) for index in batch}) <= 2
    # Padding: at most one batch mixes, so 40 * 16 + 40 * 96 tokens grow by less than one batch.
    padded = sum(
        max(rounded(lengths[i]) for i in b) * len(b) for b in bucket(examples(*lengths), 320, random.Random(1))
    )
    assert padded < 40 * 16 + 40 * 96 + 320


def test_padding_is_masked_in_the_source_and_left_out_of_the_loss() -> None:
    batch = collate([Example([7, 8, 1], [9, 1]), Example([7, 1], [9, 9, 1])], pad=0)
    assert batch.input_ids.shape == (2, 16)
    assert batch.input_ids[0, :4].tolist() == [7, 8, 1, 0]
    assert batch.attention_mask.sum(dim=1).tolist() == [3, 2]
    assert torch.equal(batch.labels, torch.tensor([[9, 1, IGNORED], [9, 9, 1]]))
