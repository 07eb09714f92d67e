"""Pocket's weights: the start from a model of another depth, and dropout."""

import math
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from assistant.errors import UsageError
from tests.tiny_models import TINY_POCKET as TINY
from training.pocket.model import SharedDropout, build_model, load_weights, share_dropout


@pytest.mark.parametrize(
    ("old", "new", "heights", "parts"),
    [
        # Shallower: of the old layers 0 to 3 those nearest to 0, 1.5 and 3 (Python rounds 1.5 up); or the first alone.
        (4, 3, [0, 2, 3], [1, 1, 1]),
        (3, 1, [0], [1]),
        (2, 2, [0, 1], [1, 1]),
        # Deeper: the first stays whole, the others become the five, three and two that are left.
        (2, 6, [0, 1, 1, 1, 1, 1], [1, 5, 5, 5, 5, 5]),
        (3, 4, [0, 1, 1, 2], [1, 2, 2, 1]),
        (1, 2, [0, 0], [2, 2]),
    ],
)
def test_a_model_of_another_depth_starts_from_the_layers_it_has_room_for(
    tmp_path: Path, old: int, new: int, heights: list[int], parts: list[int]
) -> None:
    donor = build_model(replace(TINY, encoder_layers=old, decoder_layers=1))
    donor.save_pretrained(tmp_path)
    model = build_model(replace(TINY, encoder_layers=new, decoder_layers=2, seed=1))
    load_weights(model, tmp_path)
    for block, height, part in zip(model.encoder.block, heights, parts, strict=True):
        given = dict(donor.encoder.block[height].named_parameters())
        for name, made in block.named_parameters():
            added = name.endswith((".o.weight", ".wo.weight"))  # what a layer adds goes through one of these
            assert torch.equal(made, given[name] / part if added else given[name]), name
    attention = donor.decoder.block[0].layer[1].EncDecAttention
    for block in model.decoder.block:
        assert torch.equal(block.layer[1].EncDecAttention.q.weight, attention.q.weight)
        assert torch.equal(block.layer[1].EncDecAttention.o.weight, attention.o.weight / 2)
    assert torch.equal(model.shared.weight, donor.shared.weight)


def test_dropout_drops_the_same_channels_at_every_place_and_makes_up_for_them() -> None:
    dropout, values = SharedDropout(0.2), torch.ones(50, 3, 40)
    torch.manual_seed(1)
    dropped = dropout(values)
    assert torch.equal(dropped[:, :1].expand_as(values), dropped)
    # What is kept of 1 becomes 1 / (1 - 0.2) = 1.25; 2,000 draws at 0.2 are 400, give or take five deviations of 18.
    assert sorted(set(dropped.flatten().tolist())) == [0.0, 1.25]
    assert 310 < int((dropped[:, 0] == 0).sum()) < 490
    assert torch.equal(dropout.eval()(values), values)


@pytest.mark.parametrize("share", [-0.1, 1.0, math.nan])
def test_a_dropout_that_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match="--dropout must be at least 0 and below 1"):
        share_dropout(build_model(TINY), share)
