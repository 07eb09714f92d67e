"""What a text says otherwise than the conversation."""

import pytest

from assistant.scoring.faithfulness.contradiction import MOST, contradictions

TALK = """Maya: The plumber wants 450 euros for the boiler.
Tom: We can't pay the plumber before Friday.
Maya: The train to Bern leaves from platform 12 at 7:30."""


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("The plumber wants 450 euros for the boiler.", 0),
        ("They can't pay the plumber before Friday.", 0),
        ("They can pay the plumber before Friday.", 1),
        ("The plumber does not want 450 euros for the boiler.", 1),
        # 12 is the train's, 450 the plumber's.
        ("The plumber wants 12 euros for the boiler.", 1),
        ("The train to Bern leaves from platform 450.", 1),
        # Not in the conversation at all: that is for `unsupported`.
        ("The plumber wants 900 euros for the boiler.", 0),
        ("The plumber wants 12 euros for the boiler. They can pay the plumber before Friday.", 2),
        ("They talk.", 0),
        ("", 0),
    ],
)
def test_denials_and_figures_in_the_wrong_place_are_counted(text: str, count: int) -> None:
    assert contradictions(TALK, text) == count


def test_what_is_said_both_ways_is_denied_by_neither() -> None:
    talk = "Maya: We can pay the plumber.\nTom: We can't pay the plumber."
    assert contradictions(talk, "They can pay the plumber.") == contradictions(talk, "They can't pay the plumber.") == 0


def test_no_text_can_run_the_count_up() -> None:
    assert contradictions(TALK, "They can pay the plumber before Friday. " * 50) == MOST


@pytest.mark.parametrize("talk", ["", "  ", "\x00\ud800 #"])
def test_nothing_contradicts_silence(talk: str) -> None:
    assert contradictions(talk, "They can't pay 450 euros.") == 0.0
