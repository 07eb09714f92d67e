"""Hidden spans: nothing is lost, and the right share is hidden."""

import random
from collections import Counter

import pytest

from training.pocket.span_corruption import SHORTEST, hide_spans

MARKS = list(range(1000, 1064))
END = 1


def restored(source: list[int], target: list[int]) -> list[int]:
    """The text again: each sentinel of the source replaced by what follows it in the target."""
    spans: dict[int, list[int]] = {}
    for index in target[:-1]:
        if index in MARKS:
            spans[index] = current = []
        else:
            current.append(index)
    return [found for index in source[:-1] for found in spans.get(index, [index])]


@pytest.mark.parametrize("length", [SHORTEST, 3, 7, 20, 100, 510])
def test_the_text_can_be_put_together_again(length: int) -> None:
    text = list(range(10, 10 + length))
    for seed in range(20):
        made = hide_spans(text, MARKS, END, random.Random(seed))
        source, target = list(made.source), list(made.target)
        assert source[-1] == target[-1] == END
        assert restored(source, target) == text
        assert source[0] == text[0]
        # Sentinels come in order from the first, the same in both; one more ends the target.
        marks = [index for index in source if index in MARKS]
        assert marks == MARKS[: len(marks)]
        assert [index for index in target if index in MARKS] == MARKS[: len(marks) + 1]


def test_fifteen_tokens_of_a_hundred_are_hidden_in_five_spans() -> None:
    made = hide_spans(range(100, 200), MARKS, END, random.Random(1))
    # 100 x 0.15 = 15 hidden, 15 / 3 = 5 spans: 85 seen, 5 sentinels, the end; 15 hidden, 6 sentinels, the end.
    assert len(made.source) == 91
    assert len(made.target) == 22


def test_every_way_of_parting_is_drawn() -> None:
    # Of 40 tokens 40 x 0.15 = 6 are hidden, in 6 / 3 = 2 spans.
    firsts = Counter(
        list(hide_spans(range(100, 140), MARKS, END, random.Random(seed)).target).index(MARKS[1]) - 1
        for seed in range(400)
    )
    # The first of two spans of 6 tokens has 1 to 5 of them, each in a fifth of the draws: 80 of 400, deviation 8.
    assert set(firsts) == {1, 2, 3, 4, 5}
    assert all(45 < count < 115 for count in firsts.values())


def test_a_text_with_more_spans_than_sentinels_has_them_all_but_one() -> None:
    # 400 tokens would have 60 hidden in 20 spans; with 4 sentinels there are 3, and the fourth ends the target.
    made = hide_spans(range(100, 500), MARKS[:4], END, random.Random(1))
    assert [index for index in made.target if index in MARKS] == MARKS[:4]
    assert restored(list(made.source), list(made.target)) == list(range(100, 500))
