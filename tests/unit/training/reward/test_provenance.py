import shutil
from pathlib import Path

import pytest

from assistant.locations import rewards_dir
from assistant.scoring.heads import WARM, find_reward
from training.reward.parts import parse_terms
from training.reward.provenance import fingerprint, settled


@pytest.fixture
def two_rewards(home: Path) -> Path:
    """The folder of r2, the newer of two copies of the bundled reward."""
    for name in ("r1", "r2"):
        shutil.copytree(find_reward(WARM), rewards_dir() / name)
    return rewards_dir() / "r2"


def test_the_newest_reward_is_named_as_the_version_that_it_is(two_rewards: Path) -> None:
    asked = ("human", "length:4", "0.5 * human:newest", "human:r1", "-2*mentions:newest")
    for text, wanted in zip(
        asked, ("human:r2", "length:4", "0.5 * human:r2", "human:r1", "-2*mentions:newest"), strict=True
    ):
        assert settled([text]) == (wanted,)


def test_without_a_trained_reward_it_is_the_bundled_one(home: Path) -> None:
    assert settled(["human"]) == ("human:warm",)


def test_a_learnt_reward_is_known_by_its_files(two_rewards: Path) -> None:
    before = fingerprint(parse_terms(["human:r2"]))
    assert before == fingerprint(parse_terms(["length:4", "human"])) != ""
    (two_rewards / "head.safetensors").write_bytes(b"other weights")
    assert fingerprint(parse_terms(["human:r2"])) != before
    assert fingerprint(parse_terms(["human:r1"])) != ""


def test_parts_that_are_counted_have_no_files() -> None:
    assert fingerprint(parse_terms(["length:4", "-1*repetition"])) == ""
