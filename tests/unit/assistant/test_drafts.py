"""Drafts judged before anybody rates them."""

import numpy as np
import pytest

from assistant.errors import ModelMissing
from assistant.scoring.drafts import favourites, open_judge

TALK = "Maya: Can you bring the ladder on Friday?\nTom: Sure, I will put it in my van.\nMaya: Thank you!"
GOOD = "Maya asks Tom to bring the ladder on Friday."
SWAPPED = "Tom asks Maya to bring the ladder on Friday."
INVENTED = "Maya asks Gwendolyn for 3 ladders, and Gwendolyn 3."


def test_each_draft_is_told_with_what_is_wrong_with_it() -> None:
    judge = open_judge()
    good, swapped, invented, empty = judge.judge(TALK, [GOOD, SWAPPED, INVENTED, ""])
    assert judge.ref == "warm" and good.score > swapped.score > invented.score
    assert good.roles > 0 > swapped.roles >= -1 and empty.roles == 0
    assert (good.unsupported, invented.unsupported) == ((), ("Gwendolyn", "3"))
    # Maya asks Tom to bring the ladder on Friday: nine words.
    assert (good.words, empty.words, good.repetition, empty.repetition) == (9, 0, 0.0, 0.0)
    assert sum(one.favourite for one in (good, swapped, invented, empty)) == pytest.approx(1.0)
    assert good.favourite == max(one.favourite for one in (good, swapped, invented, empty))


def test_naming_people_over_and_over_earns_no_more_than_naming_them_rightly() -> None:
    once, often = open_judge().judge(TALK, [GOOD, f"{GOOD} " * 40])
    assert 0.5 < once.roles < often.roles <= 1.0


def test_a_text_repeated_is_seen() -> None:
    # "no no no", four times over: one kind of three.
    assert open_judge().judge(TALK, ["no no no no no no"])[0].repetition == pytest.approx(0.75)


def test_the_favourite_of_two_is_the_logistic_of_their_difference() -> None:
    # 1 / (1 + e^-1.5) = 0.8176; of three alike each is the one in three times.
    assert favourites([2.0, 0.5]) == pytest.approx([0.8176, 0.1824], abs=1e-4)
    assert favourites([3.0] * 3) == pytest.approx([1 / 3] * 3)
    assert favourites([1000.0, 0.0])[0] == 1.0 and favourites([]) == []


def test_no_draft_is_no_judgement_and_an_unknown_reward_is_named() -> None:
    assert open_judge().judge(TALK, []) == []
    with pytest.raises(ModelMissing, match="r9"):
        open_judge("r9")


def test_a_draft_longer_than_the_conversation_can_be_judged() -> None:
    long = open_judge().judge(TALK, ["word " * 5000, "\x00\ud800 #", GOOD])
    assert all(np.isfinite(one.score) for one in long) and long[2].favourite > 0.5
