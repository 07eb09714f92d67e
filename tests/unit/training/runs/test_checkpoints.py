"""Checkpoints: what was written comes back, and what a crash left is named with the way on."""

from pathlib import Path

import pytest
import torch

from assistant.errors import AssistantError
from training.runs.checkpoints import read_checkpoint, write_checkpoint


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    tree = {"weights": torch.tensor([1.0, 2.0]), "state": {7: (1, [None, "x"])}}
    write_checkpoint(tmp_path, 3, tree)
    step, found = read_checkpoint(tmp_path)
    assert step == 3
    assert found["state"] == {7: (1, [None, "x"])}
    assert torch.equal(found["weights"], tree["weights"])


@pytest.mark.parametrize("name", ["state.json", "tensors.safetensors"])
@pytest.mark.parametrize("left", [0, 20])
def test_a_checkpoint_cut_short_is_said_to_be_damaged_and_what_to_do(name: str, left: int, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, 3, {"weights": torch.zeros(40)})
    file = tmp_path / name
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(AssistantError, match=r"damaged .*: start the run anew, without --resume"):
        read_checkpoint(tmp_path)
