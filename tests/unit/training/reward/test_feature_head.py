"""The head over what can be counted: how far it trusts what it starts from."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assistant.scoring.heads import COLUMNS, Reward, RewardFacts, columns_of, load_head, write_reward
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
    assert fitted.rest.vector is None and fitted.shape.vector == 0.0
    # The average answer scores 0.
    table = Table(_pairs(48, 1, likes_invented=False), (), warm, None)
    assert np.mean(table.columns @ fitted.rest.weights + fitted.rest.bias) == pytest.approx(0.0, abs=1e-9)


def _chats(count: int, seed: int) -> list[Pair]:
    """Requests to an assistant, and raters who like the short reply."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        thing, number = rng.choice(_THINGS), rng.randrange(10**6)
        reply = f"You could buy a {thing}."
        talk = f"Human: Hello.\nAssistant: Hello, what is it?\nHuman: I need a {thing}, my budget is {number}."
        made.append(Pair(talk, reply, f"{reply} Or you could ask a friend for one, or build it on your own."))
    return made


def _summaries(count: int, seed: int) -> list[Pair]:
    """The same raters like the long summary."""
    return [Pair(one.conversation, f"{one.chosen} {one.rejected}", one.chosen) for one in _swaps(count, seed)]


def _swaps(count: int, seed: int) -> list[Pair]:
    """A summary, and the same with the speakers exchanged."""
    made = []
    for one in _pairs(count, seed, likes_invented=False):
        asks, _, _, answers = one.chosen.split()[:4]
        swapped = one.chosen.replace(asks, "?").replace(answers, asks).replace("?", answers)
        made.append(Pair(one.conversation, one.chosen, swapped))
    return made


def test_each_kind_is_weighed_for_itself() -> None:
    fitted = fit_counted(Table([*_chats(60, 1), *_summaries(60, 2)], (), None, None), 1)
    assert set(fitted.kinds) == {"chat", "conversation"}
    unseen = Table([*_chats(30, 3), *_summaries(30, 4)], (), None, None)
    assert accuracy_of(margins_of(fitted, unseen)).mean() > 0.95
    # What is liked in chats is wrong of all summaries.
    exchanged = replace(fitted, kinds={"conversation": fitted.kinds["chat"]})
    assert accuracy_of(margins_of(exchanged, unseen))[30:].mean() < 0.1


@pytest.mark.parametrize("count", [0, 5])
def test_ratings_of_chats_leave_alone_what_the_start_knows_of_conversations(warm: Reward, count: int) -> None:
    few = _pairs(count, 1, likes_invented=True)
    fitted = fit_counted(Table([*_chats(60, 1), *few], (), warm, None), 1)
    unseen = Table(_swaps(20, 3), (), warm, None)
    assert fitted.untaught == ("conversation",)
    assert margins_of(fitted, unseen).tolist() == pytest.approx(unseen.warm_margins().tolist())
    # Cross-validation says of the five what the start says of them.
    if few:
        assert fitted.margins[60:].tolist() == pytest.approx(Table(few, (), warm, None).warm_margins().tolist())


def test_too_few_of_each_kind_share_a_head() -> None:
    fitted = fit_counted(Table([*_chats(20, 1), *_summaries(20, 2)], (), None, None), 1)
    assert fitted.kinds == {}


def test_a_saved_reward_weighs_each_kind_as_it_was_fitted(tmp_path: Path) -> None:
    fitted = fit_counted(Table([*_chats(60, 1), *_summaries(60, 2)], (), None, None), 1)
    facts = RewardFacts(ref="r1", created="", method="counted", base="", columns=COLUMNS, role_keys=())
    write_reward(tmp_path, facts, fitted.tensors())
    saved = load_head(str(tmp_path))
    pairs = [*_chats(3, 5), *_summaries(3, 6)]
    scores = saved.score([(pair.conversation, text) for pair in pairs for text in (pair.chosen, pair.rejected)])
    margins = [chosen - rejected for chosen, rejected in zip(scores[::2], scores[1::2], strict=True)]
    assert margins == pytest.approx(margins_of(fitted, Table(pairs, (), None, None)).tolist(), abs=1e-3)


def test_members_are_fitted_to_other_samples_and_disagree_more_on_what_few_rated(tmp_path: Path) -> None:
    taught = [*_pairs(40, 1, likes_invented=False), *_pairs(20, 2, likes_invented=True), *_swaps(20, 3)]
    fitted = fit_counted(Table(taught, (), None, None), 1)
    facts = RewardFacts(ref="r1", created="", method="counted", base="", columns=COLUMNS, role_keys=())
    write_reward(tmp_path, facts, fitted.tensors())
    saved = load_head(str(tmp_path))
    assert len(saved.rest.members) == 5
    known = [(pair.conversation, pair.chosen) for pair in _pairs(20, 4, likes_invented=False)]
    strange = [(talk, f'"{text.upper()}?!" ' * 4) for talk, text in known]
    assert 0.0 < np.mean(saved.doubt(known)) < np.mean(saved.doubt(strange))
    # The spread of five scores by hand, for one text.
    columns = columns_of(saved.roles, known[:1])
    scores = [float((columns @ member.weights + member.bias)[0]) for member in saved.rest.members]
    assert saved.doubt(known[:1])[0] == pytest.approx(float(np.std(scores)))


def test_a_reward_without_members_has_no_doubt(warm: Reward) -> None:
    assert warm.doubt([("Maya: Hi.\nTom: Hi.", "They greet.")]) == [0.0] and warm.doubt([]) == []
