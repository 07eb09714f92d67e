"""The paired comparison: ties apart, whole conversations resampled, and wins that length alone explains."""

import math

import numpy as np
import pytest

from training.rlhf.win_rate import win_rate


def ids(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_ties_stand_apart() -> None:
    # Three wins, one loss, two ties: 3 of 4 decided.
    found = win_rate([1.0, 2.0, 0.5, -1.0, 0.0, 0.0], [(10, 10)] * 6, ids(6))
    assert (found.wins, found.losses, found.ties, found.value) == (3, 1, 2, 0.75)


def test_nothing_is_claimed_where_all_is_tied() -> None:
    found = win_rate([0.0] * 5, [(10, 10)] * 5, ids(5))
    assert (found.value, found.ci, found.at_equal_length) == (None, None, None)


def test_copies_of_a_conversation_do_not_make_the_interval_narrower() -> None:
    gains = [1.0] * 12 + [-1.0] * 8
    alone = win_rate(gains, [(10, 10)] * 20, ids(20))
    copied = win_rate(gains * 10, [(10, 10)] * 200, ids(20) * 10)
    assert copied.ci == pytest.approx(alone.ci, abs=0.03)
    assert copied.value == alone.value == 0.6


def test_wins_by_length_alone_are_none_at_equal_length() -> None:
    draw = np.random.default_rng(0)
    growth = draw.normal(0.3, 0.3, 400)
    lengths = [(20.0, 20.0 * float(np.exp(more))) for more in growth]
    by_length = win_rate([float(more) + draw.normal(0, 0.1) for more in growth], lengths, ids(400))
    assert by_length.value is not None
    assert by_length.value > 0.75
    assert by_length.ci_at_equal_length is not None
    assert by_length.ci_at_equal_length[0] < 0.5 < by_length.ci_at_equal_length[1]
    assert by_length.length_ratio == pytest.approx(1.4, abs=0.05)


def test_wins_by_merit_stay_at_equal_length() -> None:
    draw = np.random.default_rng(1)
    lengths = [(20.0, 20.0 * float(np.exp(more))) for more in draw.normal(0.3, 0.3, 400)]
    by_merit = win_rate([0.4 + draw.normal(0, 1) for _ in lengths], lengths, ids(400))
    assert by_merit.ci_at_equal_length is not None
    assert by_merit.ci_at_equal_length[0] > 0.5


def test_the_ridge_holds_the_intercept_too() -> None:
    found = win_rate([1.0] * 4, [(10, 10)] * 4, ids(4))
    # All of one length: only the intercept b is fitted, and at the best b the slope is 0: 4 - 4 p = 0.05 b, with
    # p = 1 / (1 + exp(-b)). So it is where everything was won.
    chance = found.at_equal_length
    assert chance is not None
    assert 4 - 4 * chance == pytest.approx(0.05 * math.log(chance / (1 - chance)), abs=1e-6)


def test_the_fit_is_the_one_that_newton_s_method_finds() -> None:
    lengths = [(10, 14), (12, 9), (8, 16), (10, 10), (9, 15), (20, 18), (5, 5), (7, 14)]
    found = win_rate([1, 1, 1, -1, -1, 1, 0, 1], lengths, ids(8))
    # As fitted by 25 plain steps of Newton's method on the likelihood less 0.05 / 2 of the squared weights.
    assert found.at_equal_length == pytest.approx(0.7032593861700287, abs=1e-6)
    assert found.ci_at_equal_length == pytest.approx((0.18029489405589388, 0.9732992402075702), abs=1e-6)
