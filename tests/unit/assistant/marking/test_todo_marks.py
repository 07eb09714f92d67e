"""What marks on to-dos teach: which to-dos later digests hold, and nothing else."""

import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from assistant.digest import Digest, Todo, make_digest
from assistant.digest.making import bundled_weights
from assistant.digest.todos.worth import TODO_WEIGHTS
from assistant.feedback.marks import Mark, Says
from assistant.feedback.store import Store
from assistant.marking import own_weights, taste_of, todo_numbers
from assistant.marking.weights import PULL, taught
from assistant.records import Dialogue
from tests.builders import a_completion
from tests.unit.assistant.digest.talks import talk
from tests.unit.assistant.marking.test_marks import a_mark

_TALK = talk(
    "Maya: Can you send the invoice by Friday?",
    "Tom: Sure.",
    "Maya: I'll print the badges.",
    "Tom: The hall has a stage and ninety chairs.",
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "marks.db") as opened:
        opened.completions.add([a_completion(f"d{number}") for number in range(100)])
        yield opened


def _todo_mark(number: int, says: Says, numbers: dict[str, float]) -> Mark:
    return a_mark(f"{says}{number}", completion=f"d{number}", part="todo", says=says, numbers=numbers)


def _owners(digest: Digest) -> list[str]:
    return [todo.who for todo in digest.todos]


def test_a_dropped_to_do_moves_weights_to_where_pull_and_likelihood_balance() -> None:
    weights = taught([_todo_mark(0, "drop", {"to-do bias": 1.0, "to-do strength": 0.8})])
    assert weights is not None
    # At the solution the slope is 0: chance * number + pull * move = 0, for each number.
    chance = 1 / (1 + math.exp(-(weights["to-do bias"] + 0.8 * weights["to-do strength"])))
    assert PULL * weights["to-do bias"] == pytest.approx(-chance, abs=1e-6)
    assert PULL * (weights["to-do strength"] - TODO_WEIGHTS["to-do strength"]) == pytest.approx(-0.8 * chance, abs=1e-6)


def test_marks_on_to_dos_and_on_points_leave_each_other_alone() -> None:
    of_todo = taught([_todo_mark(0, "drop", {"to-do bias": 1.0})])
    assert of_todo is not None and of_todo.items() >= bundled_weights().items()
    of_point = taught([a_mark(says="drop", numbers={"amount": 1.0})])
    assert of_point is not None and not [name for name in of_point if name.startswith("to-do ")]


def test_two_drops_of_a_kind_leave_out_its_to_dos_and_no_others(store: Store) -> None:
    invoice, badges = make_digest(_TALK).todos
    assert (invoice.who, badges.who) == ("Tom", "Maya")
    numbers = todo_numbers(_TALK, invoice)
    for number, left in enumerate((["Tom", "Maya"], ["Maya"])):
        store.judgements.judge(_todo_mark(number, "drop", numbers))
        assert _owners(make_digest(_TALK, weights=own_weights(store, "me"))) == left
    assert _owners(make_digest(_TALK, weights=own_weights(store, "you"))) == ["Tom", "Maya"]


def test_where_not_all_to_dos_fit_the_likelier_one_stays(store: Store) -> None:
    invoice, badges = make_digest(_TALK).todos
    # 28 words leave 7 to to-dos: "Tom send the invoice by Friday" takes 6, "Maya print the badges" 4.
    assert _owners(make_digest(_TALK, words=28)) == ["Tom"]
    for number in range(3):
        store.judgements.judge(_todo_mark(number, "keep", todo_numbers(_TALK, badges)))
    store.judgements.judge(_todo_mark(3, "drop", todo_numbers(_TALK, invoice)))
    assert _owners(make_digest(_TALK, words=28, weights=own_weights(store, "me"))) == ["Maya"]


def test_who_puts_a_to_do_right_wants_it_unless_it_is_dropped() -> None:
    numbers = {"to-do bias": 1.0, "to-do strength": 0.8}
    kept, fixed, dropped = (taught([_todo_mark(0, says, numbers)]) for says in ("keep", "fix", "drop"))
    both = taught([_todo_mark(0, "drop", numbers), _todo_mark(0, "fix", numbers)])
    assert kept == fixed and both == dropped and kept != dropped


def test_after_a_reset_no_to_do_teaches_and_what_was_put_right_stands(store: Store) -> None:
    numbers = {"to-do bias": 1.0}
    for mark in (_todo_mark(0, "drop", numbers), _todo_mark(1, "fix", numbers)):
        store.judgements.judge(mark)
    assert own_weights(store, "me") is not None
    assert store.judgements.forget_marks("me") == 1
    assert own_weights(store, "me") is None
    assert [mark.says for mark in store.judgements.marks()] == ["fix"]


def test_a_to_do_that_is_not_found_any_more_teaches_nothing() -> None:
    gone = Todo(who="Tom", what="sing", when="", date="", turn=0, text="Can you sing?")
    assert todo_numbers(_TALK, gone) == {}
    assert taught([_todo_mark(0, "drop", {})]) is None


def test_stats_name_the_owner_whose_to_dos_are_dropped(store: Store) -> None:
    invoice, badges = make_digest(_TALK).todos
    for number in range(6):
        store.judgements.judge(_todo_mark(number, "keep", todo_numbers(_TALK, badges)))
        store.judgements.judge(_todo_mark(10 + number, "drop", todo_numbers(_TALK, invoice)))
    taste = taste_of(store, "me")
    assert (taste.kept, taste.dropped) == (6, 6)
    assert taste.moved["to-do of Tom"] < 0


_NAMES = ("Maya", "Tom", "Ana", "Bo", "Zoe", "Ida")
_THINGS = ("send the invoice", "call the caterer", "book the hall", "print the badges", "order the chairs")
_TIMES = ("tomorrow", "by Friday", "on Monday", "tonight")


def _drawn(rng: random.Random) -> Dialogue:
    """Four pledges and requests between two people, half of them with a time."""
    one, other = rng.sample(_NAMES, 2)
    lines = []
    for thing in rng.sample(_THINGS, 4):
        job = thing + rng.choice([f" {rng.choice(_TIMES)}", ""])
        asked = [f"{one}: Can you {job}?", f"{other}: Sure."]
        lines += rng.choice([asked, [f"{one}: I'll {job}.", f"{other}: The room has a big window."]])
    return talk(*lines)


def _precision(digests: Sequence[Digest]) -> float:
    """The share of to-dos with a time, in percent."""
    todos = [todo for digest in digests for todo in digest.todos]
    return 100 * sum(bool(todo.when) for todo in todos) / len(todos)


def _timed(digests: Sequence[Digest]) -> int:
    return sum(bool(todo.when) for digest in digests for todo in digest.todos)


def test_thirty_marks_of_a_reader_who_wants_to_dos_with_a_time_carry_over(store: Store) -> None:
    rng = random.Random(20261127)
    marked, held_out = ([_drawn(rng) for _ in range(40)] for _ in range(2))
    todos = [(dialogue, todo) for dialogue in marked for todo in make_digest(dialogue).todos]
    for number, (dialogue, todo) in enumerate(todos[:30]):
        store.judgements.judge(_todo_mark(number, "keep" if todo.when else "drop", todo_numbers(dialogue, todo)))
    before, after = (
        [make_digest(dialogue, weights=weights) for dialogue in held_out]
        for weights in (None, own_weights(store, "me"))
    )
    assert _precision(after) >= _precision(before) + 15
    assert _timed(after) >= 0.98 * _timed(before)
