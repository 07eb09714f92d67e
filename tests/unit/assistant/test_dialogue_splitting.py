"""A dialogue of any length becomes parts that fit, with every turn in the core of exactly one."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.dialogue import Part, parse, render_turns, split
from assistant.errors import UsageError
from assistant.records import Dialogue, Turn


class Counter:
    """Counts words and ends as tokens, as a tokenizer that closes every text does, and how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, text: str) -> int:
        self.calls += 1
        return len(text.split()) + 1


def words(turns: tuple[Turn, ...]) -> str:
    return " ".join(turn.text for turn in turns)


def check(dialogue: Dialogue, parts: list[Part], budget: int, count_tokens: Callable[[str], int]) -> None:
    """What holds for every split: nothing lost, nothing twice, nothing over the budget."""
    assert (parts[0].start, parts[-1].end) == (0, len(dialogue.turns))
    assert all(before.end == after.start for before, after in pairwise(parts))
    assert all(part.start <= part.end and part.core for part in parts)
    said = [turn for part in parts for turn in part.core]
    assert "".join(turn.text for turn in said).replace(" ", "") == words(dialogue.turns).replace(" ", "")
    for part in parts:
        assert part.tokens == count_tokens(part.text) <= budget
        assert part.text == render_turns(Dialogue(turns=part.context + part.core, format="names"))


def test_parts_end_between_turns_and_repeat_the_last_one() -> None:
    dialogue = parse("A: one two three\nB: four five six\nA: seven eight nine\nB: ten")
    # A line of three words has five tokens here: the name, the words and the end. Two lines have 4 + 4 + 1 = 9.
    parts = split(dialogue, 9, Counter(), overlap_turns=0)
    assert [(part.start, part.end) for part in parts] == [(0, 2), (2, 4)]
    assert parts[1].text == "A: seven eight nine\nB: ten"


def test_context_is_what_was_said_before_and_stays_below_a_quarter() -> None:
    dialogue = parse("A: why\nB: one two three four five six\nA: so\nB: one two three four five six")
    # 3, 8, 3 and 8 tokens. With 13, two turns of context have room for one of 3 tokens (13 / 4), never for one of 8.
    parts = split(dialogue, 13, Counter(), overlap_turns=2)
    assert [(part.start, part.end) for part in parts] == [(0, 3), (3, 4)]
    assert [turn.text for turn in parts[1].context] == ["so"]
    assert parts[1].text.startswith("A: so\nB: one")
    # Of 15, context may take 3.75: one turn of 3 tokens. Two of them would leave no room for the 12 of the last turn.
    short = parse("A: why\nB: so\nA: one two three four five six seven eight nine ten")
    assert [len(part.context) for part in split(short, 15, Counter(), overlap_turns=2)] == [0, 1]


def test_what_fits_is_one_part_without_context() -> None:
    dialogue = parse("A: hello\nB: hi")
    (part,) = split(dialogue, 100, Counter(), overlap_turns=3)
    assert (part.start, part.end, part.context, part.continues) == (0, 2, (), False)
    assert part.text == render_turns(dialogue)


def test_a_turn_that_is_too_long_is_cut_behind_a_sentence() -> None:
    dialogue = parse("A: hi\nB: One two three. Four five six. Seven eight nine.")
    # Eight tokens: the name, six words and the end.
    parts = split(dialogue, 8, Counter(), overlap_turns=0)
    assert [words(part.core) for part in parts] == ["hi", "One two three. Four five six.", "Seven eight nine."]
    assert parts[-1].continues
    assert {turn.speaker for turn in parts[-1].core} == {"B"}


def test_the_end_of_a_sentence_is_better_than_a_fuller_part() -> None:
    # Eight tokens have room for six words, and the sentence ends after four.
    parts = split(parse("B: One two three four. Five six seven eight."), 8, Counter())
    assert [words(part.core) for part in parts] == ["One two three four.", "Five six seven eight."]


def test_a_turn_of_fifty_thousand_words_is_cut_between_words() -> None:
    dialogue = parse("Ana: " + " ".join(f"w{n}" for n in range(50_000)))
    count_tokens = Counter()
    parts = split(dialogue, 500, count_tokens)
    check(dialogue, parts, 500, Counter())
    assert " ".join(words(part.core) for part in parts) == dialogue.turns[0].text
    # 498 words fit beside the name and the end: at least 101 parts, asked for a few times each.
    assert 101 <= len(parts) <= 120
    assert count_tokens.calls < 5 * len(parts)


def test_a_word_longer_than_the_budget_is_cut_within() -> None:
    dialogue = parse("Ana: " + "x" * 1_000)
    parts = split(dialogue, 100, len)
    check(dialogue, parts, 100, len)


def test_a_budget_without_room_for_a_word_says_so() -> None:
    with pytest.raises(UsageError, match="3 tokens are too few"):
        split(parse("Ana: hello"), 3, len)


def test_tokens_are_counted_in_proportion_to_the_turns() -> None:
    for turns in (200, 2_000):
        count_tokens = Counter()
        dialogue = parse("\n".join(f"A{n % 3}: one two three four five" for n in range(turns)))
        check(dialogue, split(dialogue, 60, count_tokens), 60, Counter())
        assert count_tokens.calls < 2 * turns


def test_parts_are_filled_although_every_line_was_counted_with_an_end() -> None:
    dialogue = parse("\n".join(["A: one"] * 100))
    # A line alone has 3 tokens, 20 lines together 41: counted line by line, 13 would be taken for all that fits 41.
    assert [part.end - part.start for part in split(dialogue, 41, Counter(), overlap_turns=0)] == [20] * 5


def test_a_whole_that_takes_more_than_its_turns_gets_fewer_of_them() -> None:
    def square(text: str) -> int:
        return len(text.splitlines()) ** 2

    dialogue = parse("\n".join(["A: one"] * 30))
    parts = split(dialogue, 16, square, overlap_turns=0)
    check(dialogue, parts, 16, square)
    assert len(parts) <= 15


_TURNS = st.lists(st.tuples(st.sampled_from("ABC"), st.lists(st.sampled_from(["go", "stop.", "x" * 30]), min_size=1)))


@settings(max_examples=200)
@given(_TURNS.filter(bool), st.integers(3, 60), st.integers(0, 4))
def test_every_turn_is_in_exactly_one_core(turns: list[tuple[str, list[str]]], budget: int, overlap: int) -> None:
    dialogue = Dialogue(
        turns=tuple(Turn(speaker=speaker, text=" ".join(said)) for speaker, said in turns), format="names"
    )
    check(dialogue, split(dialogue, budget, Counter(), overlap), budget, Counter())
