"""How much of what matters a text says."""

import pytest

from assistant.scoring.coverage import coverage

TALK = """Maya: Hi Tom, how are you today?
Tom: Fine, thanks!
Maya: The boiler is broken, the plumber wants 450 euros.
Tom: We can't pay that before Friday.
Maya: Then I'll book Mr Okafor for Monday at 9."""
BOILER = "The boiler is broken and the plumber wants 450 euros."
BOOKED = "Maya will book Mr Okafor for Monday at 9."


def test_what_says_more_of_what_matters_has_more_of_it() -> None:
    assert coverage(TALK, f"{BOILER} {BOOKED}") > coverage(TALK, BOILER) > coverage(TALK, "They talk.") == 0.0


def test_nearly_all_is_said_by_everything_and_next_to_nothing_by_greetings() -> None:
    said = f"{BOILER} Tom can't pay that before Friday. Then {BOOKED}"
    # "I'll" is "Maya will" here.
    assert 0.95 < coverage(TALK, said) < 1.0
    assert coverage(TALK, "Maya asks Tom how he is today and he is fine, thanks.") < 0.1


def test_saying_it_twice_says_no_more() -> None:
    assert coverage(TALK, f"{BOILER} {BOILER}") == coverage(TALK, BOILER)


def test_the_opposite_counts_for_half() -> None:
    # "never" is a common word: the two texts have the same telling words.
    assert coverage(TALK, "The boiler is never broken.") == pytest.approx(coverage(TALK, "The boiler is broken.") / 2)


def test_words_beyond_the_length_of_a_digest_do_not_count() -> None:
    # The conversation has 34 words, so its digest has 40 + 34 // 6 = 45.
    late = "They go on about this and that for " + "a while, " * 19
    assert len(late.split()) == 46
    assert coverage(TALK, f"{late}{BOILER}") == 0.0
    # 10 words and 80 more are twice the length: what the first say counts for a quarter.
    assert coverage(TALK, f"{BOILER} {'a while, ' * 40}") == pytest.approx(coverage(TALK, BOILER) / 4)


def test_a_list_of_words_is_worth_less_than_sentences_with_them() -> None:
    # No common word among them.
    assert coverage(TALK, "boiler broken plumber 450 euros Okafor Monday 9") == 0.0
    # One of eight is common where one of five would be enough: 5/8 of what the words are worth.
    joined = coverage(TALK, "the boiler broken plumber wants 450 euros Okafor")
    assert joined == pytest.approx(5 / 8 * coverage(TALK, "the the boiler broken plumber wants 450 euros Okafor"))


@pytest.mark.parametrize("talk", ["", "   ", "Maya: \U0001f600\nTom: \U0001f600", "\x00\ud800 #"])
def test_nothing_matters_where_nothing_was_said(talk: str) -> None:
    assert coverage(talk, BOILER) == 0.0
    assert coverage(TALK, talk) == 0.0
