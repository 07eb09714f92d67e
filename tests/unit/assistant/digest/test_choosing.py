"""Which clauses are chosen, with scores set by hand. A clause takes its words and one for the name."""

from assistant.digest.choosing import Budget, choose
from assistant.digest.features import units
from assistant.digest.hearing import hear
from tests.unit.assistant.digest.talks import talk


def _chosen(scores: list[float], words: int, *lines: str) -> list[int]:
    return choose(units(hear(talk(*lines))), scores, {}, Budget(words), {}, {})


def test_what_is_worth_more_takes_the_place_of_what_is_worth_more_a_word() -> None:
    lines = ("Ana: violet pebble", "Ben: copper lantern window garden")
    # 3 and 5 words, worth 0.9 x 2^0.25 = 1.07 and 4^0.25 = 1.41: 0.36 and 0.28 a word. Only 8 words hold both.
    assert _chosen([0.9, 1.0], 7, *lines) == [1]
    assert _chosen([0.9, 1.0], 8, *lines) == [0, 1]


def test_what_another_clause_says_as_well_is_left_out() -> None:
    lines = ("Ana: copper lantern", "Ben: copper lantern window garden", "Cleo: silver bucket")
    assert _chosen([0.9, 1.0, 0.1], 8, *lines) == [1, 2]
