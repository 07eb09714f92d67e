"""The numbers of a text that a reward weighs, and that none of them can be run up."""

from pathlib import Path

import numpy as np
import pytest

from assistant.errors import ModelDamaged
from assistant.scoring.features import NAMES, features
from assistant.scoring.heads import COLUMNS, RewardFacts, columns_of, load_head, write_reward

TALK = "Maya: Can you bring the ladder on Friday?\nTom: Sure, I will put it in my van.\nMaya: Thank you!"
GOOD = "Maya asks Tom to bring the ladder on Friday."
HACKS = {
    "no full stop": "word " * 5000,
    "one long word": "x" * 3000,
    "a role over and over": "Maya asks Tom. " * 60,
    "a good clause over and over": " and ".join([GOOD.rstrip(".")] * 40) + ".",
    "names alone": "Maya Tom " * 50,
    "signs": '"?!(:,' * 200,
    "lines": "a\n" * 500,
    "the conversation": TALK,
    "nothing": "",
    "broken characters": "\x00\ud800 #",
}


def _numbers(text: str) -> dict[str, float]:
    return dict(zip(NAMES, features(TALK, text), strict=True))


@pytest.mark.parametrize("hack", HACKS)
def test_no_text_is_worth_more_than_a_summary_for_running_up_a_number(hack: str) -> None:
    reward = load_head("warm")
    good, hacked = reward.score([(TALK, GOOD), (TALK, HACKS[hack])])
    assert hacked < good


def test_every_number_is_bounded() -> None:
    rows = columns_of(load_head("warm").roles, [(TALK, text) for text in HACKS.values()])
    assert np.isfinite(rows).all()
    # 5,000 words have a logarithm of 8.5; the largest bound is forty words a sentence.
    assert {name: peak for name, peak in zip(COLUMNS, np.abs(rows).max(axis=0), strict=True) if peak > 40} == {}


def test_the_numbers_of_a_summary_are_those_counted_by_hand() -> None:
    found = _numbers("Maya asks Tom to bring the ladder on Friday. She thanks him for 2 cakes.")
    # 9 + 6 words in two sentences; "She" and "him" are two of 15; Maya, Tom, Friday are in the conversation, 2 is not.
    assert (found["sentences"], found["words a sentence"]) == (2, 7.5)
    assert found["pronouns"] == pytest.approx(2 / 15)
    assert (found["names"], found["numbers"]) == (3, 1)
    assert (found["unsupported names"], found["unsupported numbers"], found["any unsupported"]) == (0, 1, 1)
    assert (found["speakers named"], found["all speakers named"], found["speaker opens"]) == (1, 1, 1)
    assert (found["opens with requests"], found["has thanks"], found["opens with thanks"]) == (1, 1, 0)
    assert (found["15 words"], found["16 words"]) == (1, 0)


def test_coverage_is_the_share_of_what_was_said() -> None:
    everything = _numbers("Can you bring the ladder on Friday? Sure, I will put it in my van. Thank you!")
    nothing = _numbers("Something else entirely.")
    assert everything["recall"] == everything["precision"] == 1.0 > everything["copying"]
    assert nothing["recall"] == nothing["precision"] == nothing["turns touched"] == 0.0
    # Seven words mean something: bring, ladder, friday | sure, put, van | thank. Three of them in a text of three.
    part = _numbers("Bring the ladder on Friday.")
    assert (part["recall"], part["precision"]) == (pytest.approx(3 / 7), 1.0)
    start, end = _numbers("Bring the ladder on Friday."), _numbers("Thank you!")
    assert start["recall of start"] > 0.5 > start["recall of end"] == 0.0
    assert end["recall of end"] > 0.5 > end["recall of start"] == 0.0
    assert (start["first covered"], end["first covered"]) == (0.0, pytest.approx(2 / 3))


def test_a_reward_of_an_earlier_version_scores_as_it_did(tmp_path: Path) -> None:
    old = ("roles", "log words", "sentences")
    facts = RewardFacts(ref="r1", created="", method="counted", base="", columns=old, role_keys=())
    tensors = {"roles": np.zeros((0, 4)), "weights": np.array([1.0, 2.0, 3.0]), "bias": np.array([0.5])}
    write_reward(tmp_path, facts, tensors)
    # Nine words in one sentence: 2 ln 10 + 3 + 0.5.
    assert load_head(str(tmp_path)).score([(TALK, GOOD)])[0] == pytest.approx(2 * np.log(10) + 3.5, abs=1e-4)


def test_a_reward_that_weighs_what_is_counted_no_more_is_refused(tmp_path: Path) -> None:
    facts = RewardFacts(ref="r1", created="", method="counted", base="", columns=("kindness",), role_keys=())
    write_reward(tmp_path, facts, {"roles": np.zeros((0, 4)), "weights": np.ones(1), "bias": np.zeros(1)})
    with pytest.raises(ModelDamaged, match="kindness"):
        load_head(str(tmp_path))
