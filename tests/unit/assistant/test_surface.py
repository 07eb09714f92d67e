import pytest

from assistant.scoring import surface


def test_words_are_lower_case_and_keep_their_apostrophes() -> None:
    assert surface.words("Tom’s report isn't READY: 10:30!") == ["tom’s", "report", "isn't", "ready", "10", "30"]


def test_the_length_fit_falls_in_a_straight_line_on_both_sides() -> None:
    # Four words are wanted: 4 -> 1, 3 -> 3/4, 6 -> 1/2, 0 and 9 -> 0.
    fits = [surface.length_fit("word " * count, 4) for count in (4, 3, 6, 0, 9)]
    assert fits == pytest.approx([1.0, 0.75, 0.5, 0.0, 0.0])


def test_repetition_is_the_share_of_runs_seen_before() -> None:
    # a b c a b c: abc bca cab abc: one of four stood before. Six times "no": four runs, one kind.
    assert surface.repetition("a b c a b c") == pytest.approx(0.25)
    assert surface.repetition("no no no no no no") == pytest.approx(0.75)
    assert surface.repetition("two words") == surface.repetition("") == 0.0


def test_copying_is_the_share_of_runs_found_in_the_source() -> None:
    # one two three four | two three four six: the first stands in the source, the second does not.
    assert surface.copying("one two three four six", "zero one two three four five") == pytest.approx(0.5)
    assert surface.copying("too short", "too short") == 0.0


def test_a_mention_is_whole_words_in_a_row() -> None:
    assert surface.mentions("Please say THANK YOU, Tom.", "thank you")
    assert not surface.mentions("thankyou, thank me, you", "thank you")
    assert not surface.mentions("anything", "")
