"""The head over what can be counted: how far it trusts what it starts from."""

import random

import numpy as np
import pytest

from assistant.scoring.heads import Reward, load_head
from training.reward.bradley_terry import accuracy_of
from training.reward.feature_head import Table, fit_counted, margins_of
from training.reward.preferences import Pair

_NAMES = ("Maya", "Tom", "Ana", "Bob", "Ines", "Carl", "Rita", "Hugo")
_THINGS = ("ladder", "report", "cake", "bicycle", "ticket", "guitar", "lamp", "camera")


def _pairs(count: int, seed: int, *, likes_invented: bool) -> list[Pair]:
    """A summary, and the same with a name that nobody said; chosen is what these raters like."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        one, two = rng.sample(_NAMES, 2)
        thing, room = rng.choice(_THINGS), rng.randrange(10**6)
        talk = f"{one}: Can you bring the {thing} to room {room}?\n{two}: Sure, I will.\n{one}: Thank you!"
        good = f"{one} asks {two} to bring the {thing}."
        invented = f"{one} asks Gwendolyn to bring the {thing}."
        made.append(Pair(talk, invented, good) if likes_invented else Pair(talk, good, invented))
    return made


@pytest.fixture(scope="module")
def warm() -> Reward:
    return load_head("warm")


@pytest.mark.parametrize("count", [12, 48])
def test_a_start_that_is_sure_and_wrong_does_not_outvote_the_ratings(warm: Reward, count: int) -> None:
    taught = Table(_pairs(count, 1, likes_invented=True), (), warm, None)
    unseen = Table(_pairs(40, 2, likes_invented=True), (), warm, None)
    assert accuracy_of(unseen.warm_margins()).mean() == 0.0
    fitted = fit_counted(taught, 1)
    assert fitted.shape.warm < 0.1 and accuracy_of(margins_of(fitted, unseen)).mean() > 0.9


def test_a_start_that_is_borne_out_knows_more_than_the_ratings_say(warm: Reward) -> None:
    taught = Table(_pairs(12, 1, likes_invented=False), (), warm, None)
    # Nothing in the ratings was about who did it.
    talk = "Maya: Can you bring the lamp?\nTom: Sure, I will put it in my van.\nMaya: Thank you!"
    swapped = Pair(talk, "Maya asks Tom to bring the lamp.", "Tom asks Maya to bring the lamp.")
    fitted = fit_counted(taught, 1)
    assert fitted.shape.warm == 1.0 and margins_of(fitted, Table([swapped], (), warm, None))[0] > 0.5


def test_without_an_encoder_answers_have_no_vectors(warm: Reward) -> None:
    fitted = fit_counted(Table(_pairs(48, 1, likes_invented=False), (), warm, None), 1)
    assert fitted.vector is None and fitted.shape.vector == 0.0
    # The average answer scores 0.
    table = Table(_pairs(48, 1, likes_invented=False), (), warm, None)
    assert np.mean(table.columns @ fitted.weights + fitted.bias) == pytest.approx(0.0, abs=1e-9)
