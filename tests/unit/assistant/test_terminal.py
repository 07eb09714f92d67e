"""Nothing that came from outside can steer the terminal, and nothing that was text is lost."""

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.terminal import json_line, one_line, printable, rough_time


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[38;2;1;2;3mcolour", "colour"),
        ("\x9b2Jcleared", "cleared"),
        ("\x1b]0;a new title\x07after", "after"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0;2;0\x1b\\picture", "picture"),
        ("\x1b(Bcharset", "charset"),
        ("\x1bcreset", "reset"),
        ("back\x08\x08space\x07", "backspace"),
        ("left\u202eright\u2066", "leftright"),
        ("".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))) + "in order", "in order"),
        ("half\ud83d", "half"),
        ("a\r\nb\rc\td", "a\nb\nc\td"),
    ],
)
def test_control_sequences_go_whole(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_sequence_without_an_end_takes_no_text_with_it() -> None:
    # What is left of ” after UTF-8 was read as Latin-1 ends in U+009D, which opens a string sequence.
    assert printable("â\x80\x9dquoted\nnext line") == "âquoted\nnext line"
    assert printable("\x1b]0;title without end\nnext line") == "0;title without end\nnext line"


def test_emoji_of_several_characters_and_accents_stay() -> None:
    text = "👩‍👩‍👧 café 漢字 שלום"
    assert printable(text) == text


@given(st.text())
def test_no_control_character_is_left_and_cleaning_twice_is_cleaning_once(text: str) -> None:
    shown = printable(text)
    assert not [letter for letter in shown if unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\t\n"]
    assert printable(shown) == shown
    shown.encode()


@given(st.text(alphabet="\x1b\x9b\x9d\x07[]0;mA\n\\"))
def test_no_mixture_of_sequences_gets_through(text: str) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", printable(text))


@given(st.text(st.sampled_from('\x1b\x9b[]0;\u202e\ud83d\r\n"\\é')))
def test_json_is_whole_and_steers_nothing(text: str) -> None:
    line = json_line({"said": text})
    assert json.loads(line) == {"said": text}
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", line)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf"])))
def test_text_without_controls_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert line == line.strip()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (46578, "12.9 h")],
)
def test_a_guessed_time_has_two_figures_or_so(seconds: float, said: str) -> None:
    assert rough_time(seconds) == said
