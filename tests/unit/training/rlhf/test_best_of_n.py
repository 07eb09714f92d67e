"""The best of n: what it picks, what that costs, and rewards that nothing can be learnt from."""

import math
from collections.abc import Sequence

import pytest

from assistant.errors import TrainingStopped
from training.rlhf.best_of_n import best_of, price_of_a_word, samples_of, scale_of


def length(prompts: Sequence[str], texts: Sequence[str]) -> list[float]:
    return [float(len(text)) for text in texts]


def vowels(prompts: Sequence[str], texts: Sequence[str]) -> list[float]:
    return [float(sum(letter in "aeiou" for letter in text)) for text in texts]


def test_the_reward_picks_and_the_judge_reads_what_was_picked() -> None:
    drafts = [["aa", "bbb", "c", "eeee"], ["xyz", "a", "ee", "bcdf"]]
    one, two, four = best_of(["p", "q"], drafts, length, vowels)
    # Of one: aa and xyz. Of two: bbb and xyz. Of four: eeee and bcdf.
    assert (one.reward, one.judge, one.kl) == (2.5, 1.0, 0.0)
    assert (two.reward, two.judge) == (3.0, 0.0)
    assert (four.reward, four.judge) == (4.0, 2.0)
    assert four.kl == pytest.approx(math.log(4) - 3 / 4)


def test_mean_and_spread() -> None:
    found = scale_of([1.0, 3.0])
    assert (found.mean, found.spread) == (2.0, 1.0)


@pytest.mark.parametrize(("scores", "why"), [([1.0, math.nan], "not finite"), ([2.0, 2.0, 2.0], "the same for every")])
def test_a_reward_that_says_nothing_stops_the_run(scores: list[float], why: str) -> None:
    with pytest.raises(TrainingStopped, match=f"the reward is {why}"):
        scale_of(scores)
    with pytest.raises(TrainingStopped, match=f"the judge is {why}"):
        scale_of(scores, "judge")


def test_the_price_of_a_word_is_told_from_drafts_of_the_same_conversation() -> None:
    # Long answers of the second conversation score high, but within each a word more costs 2.
    drafts = [["a", "a b", "a b c"], ["a b c d e", "a b c d", "a b c d e f"]]
    assert price_of_a_word(drafts, [4.0, 2.0, 0.0, 58.0, 60.0, 56.0]) == pytest.approx(-2.0)
    assert price_of_a_word([["a b", "c d"]], [1.0, 5.0]) == 0.0


def test_samples_tell_scale_price_and_the_best_and_stop_where_one_tells_nothing() -> None:
    drafts = [["aa", "bbb b"], ["e", "ee e e"]]
    found = samples_of(["p", "q"], drafts, length, vowels)
    # Lengths 2, 5, 1, 6: mean 3.5, squared distances 2.25, 2.25, 6.25, 6.25. Words 1, 2 and 1, 3; within each
    # conversation distances to the mean of 0.5 and 1, paid 1.5 and 2.5: (2 * 0.75 + 2 * 2.5) / (2 * 0.25 + 2 * 1).
    assert (found.mean, found.spread) == (3.5, pytest.approx(math.sqrt(4.25)))
    assert found.price_of_a_word == pytest.approx(6.5 / 2.5)
    assert [pick.reward for pick in found.best_of] == [1.5, 5.5]
    with pytest.raises(TrainingStopped, match="the judge is the same for every"):
        samples_of(["p", "q"], drafts, length, lambda prompts, texts: [1.0] * len(texts))
