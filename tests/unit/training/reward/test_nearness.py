"""Which of several texts is nearer to a reference."""

import pytest

from training.reward.nearness import Drafted, extracts, nearer_pairs, nearness

pytestmark = pytest.mark.usefixtures("minilm")
TALK = """Maya: Hi!
Tom: Hello Maya.
Maya: Can you bring the blue ladder on Friday, please?
Tom: Sure, I will put it in my brother's van.
Maya: Thank you so much!"""
REFERENCE = "Maya asks Tom to bring the blue ladder on Friday."


def test_extracts_are_the_first_lines_and_the_longest_in_their_order() -> None:
    first, longest = extracts(TALK)
    assert first == "Maya: Hi! Tom: Hello Maya. Maya: Can you bring the blue ladder on Friday, please?"
    assert longest.startswith("Maya: Can you") and longest.endswith("Maya: Thank you so much!")


def test_the_reference_is_nearest_and_what_is_left_out_costs() -> None:
    same, part, other = nearness([REFERENCE, "Maya asks Tom.", "It rains in Bern."], [REFERENCE])
    # ROUGE-1's F1 and recall are 1, as is the cosine, which counts twice.
    assert same == pytest.approx(4.0, abs=0.02) and same > part > other


def test_pairs_put_the_nearer_text_first_and_leave_out_those_most_alike() -> None:
    rows = [Drafted(TALK, (REFERENCE,), ("Maya asks Tom.", "It rains.", " "))]
    pairs = nearer_pairs(rows)
    # Five texts make ten pairs, of which the three most alike are left out; the blank draft makes none.
    assert len(pairs) == 7 and {pair.row for pair in pairs} == {0}
    assert all(pair.far != REFERENCE for pair in pairs)
    assert any(pair.near == "Maya asks Tom." and pair.far == "It rains." for pair in pairs)


def test_nothing_makes_no_pairs() -> None:
    assert nearer_pairs([]) == []
