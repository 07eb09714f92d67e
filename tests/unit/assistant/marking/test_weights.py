"""What marks teach: the weights move to what was kept, no further than they have reason to."""

from pathlib import Path

import pytest

from assistant.digest import make_digest
from assistant.digest.making import bundled_weights
from assistant.feedback.marks import Mark, Says
from assistant.feedback.store import Store
from assistant.marking import numbers_of, own_weights, taste_of
from assistant.marking.numbers import day_of
from assistant.marking.weights import PULL, taught
from tests.builders import a_completion
from tests.unit.assistant.digest.talks import talk
from tests.unit.assistant.marking.test_marks import a_mark

_TALK = talk(
    "Maya: The hall holds ninety people and has a stage.",
    "Tom: Room 4 costs 120 euros for the day.",
    "Maya: The caterer wants 15 euros a head, drinks included.",
    "Tom: The stage has new lights, and the kitchen is large.",
    "Maya: The piano in the hall was tuned last week.",
    "Tom: Parking costs 2 euros an hour behind the building.",
    "Maya: The garden is open to everybody until dark.",
)


def _marks(kept: dict[str, float], dropped: dict[str, float], count: int = 15) -> list[Mark]:
    both: tuple[tuple[Says, dict[str, float]], ...] = (("keep", kept), ("drop", dropped))
    return [
        a_mark(f"{says}{number}", number=number, says=says, numbers=numbers)
        for says, numbers in both
        for number in range(count)
    ]


def test_without_marks_there_are_no_weights_of_one_s_own() -> None:
    assert taught([]) is None
    assert taught([a_mark(part="todo", says="fix"), a_mark("m2", part="todo")]) is None, "these weigh nothing"


def test_the_weight_of_what_was_kept_rises_and_others_stay() -> None:
    weights = taught(_marks({"amount": 1.0}, {"exclaims": 1.0}))
    assert weights is not None
    start = bundled_weights()
    moved = {name: value - start.get(name, 0.0) for name, value in weights.items()}
    assert moved["amount"] > 1.0 and moved["exclaims"] < -1.0
    assert all(abs(move) < 1e-6 for name, move in moved.items() if name not in ("amount", "exclaims", "bias"))


def test_one_mark_moves_a_weight_to_where_pull_and_likelihood_balance() -> None:
    # The bias is free, so with one mark it takes nearly all. Two marks that differ in "amount" alone, one kept and one
    # dropped: the slope at the solution is pull * move = 1 - p(kept) for the kept one's weight.
    weights = taught(
        [a_mark("m1", numbers={"amount": 1.0}), a_mark("m2", number=1, says="drop", numbers={"place": 0.0})]
    )
    assert weights is not None
    chance = 1 / (1 + 2.718281828459045 ** -(weights["amount"] + weights["bias"]))
    assert weights["amount"] * PULL == pytest.approx(1 - chance, abs=1e-6)


def test_who_keeps_everything_moves_the_bias_and_no_number() -> None:
    weights = taught([a_mark(f"m{n}", number=n, numbers={"amount": n % 2, "exclaims": 1 - n % 2}) for n in range(30)])
    assert weights is not None
    start = bundled_weights()
    moves = [weights[name] - start.get(name, 0.0) for name in ("bias", "amount", "exclaims")]
    assert moves[0] > 4 * max(map(abs, moves[1:]))


def test_the_next_digest_follows_a_reader_who_drops_amounts(tmp_path: Path) -> None:
    amounts, others = [1, 2, 5], [0, 3, 4, 6]
    with Store.open(tmp_path / "s.db") as store:
        store.completions.add([a_completion("d1")])
        for place in amounts + others:
            text = _TALK.turns[place].text
            numbers = numbers_of(_TALK, place, 0, len(text))
            says: Says = "drop" if place in amounts else "keep"
            store.judgements.judge(a_mark(f"m{place}", number=place, says=says, turn=place, text=text, numbers=numbers))
        own = own_weights(store, "me")
        assert own_weights(store, "somebody else") is None
        before, after = (make_digest(_TALK, words=24, weights=weights) for weights in (None, own))
        taste = taste_of(store, "me")
    assert {point.turn for point in before.points} & set(amounts)
    assert after.points and not {point.turn for point in after.points} & set(amounts)
    assert (taste.kept, taste.dropped, taste.put_right) == (4, 3, 0)
    assert taste.moved["amount"] < 0


def test_numbers_are_those_of_the_quoted_words_alone() -> None:
    assert numbers_of(_TALK, 1, 0, 40)["amount"] == 1.0
    assert numbers_of(_TALK, 0, 0, 60)["amount"] == 0.0
    assert numbers_of(_TALK, 1, 3, 5) == {}, "no whole clause lies there"


def test_a_day_is_read_as_typed_or_as_said() -> None:
    dated = talk("Maya @2026-05-01 10:00: Can you send it?", "Tom @2026-05-01 10:02: Sure, I'll send it tomorrow.")
    assert day_of(dated, 1, "2026-06-02") == "2026-06-02"
    assert day_of(dated, 1, "tomorrow") == "2026-05-02"
    assert day_of(_TALK, 1, "tomorrow") == "", "nobody can tell what day it was"
