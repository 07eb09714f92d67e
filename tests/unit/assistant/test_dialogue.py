"""Texts in every format become the turns that people said, and are read back from their own lines."""

import json
import string
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.dialogue import FORMATS, parse, parse_renames, rename, render_turns
from assistant.errors import InputUnreadable, UsageError
from assistant.records import Dialogue, Turn
from tests.unit.assistant.dialogue_fixtures import FIXTURES, said

FILES = sorted(FIXTURES.iterdir())


def format_of(file: Path) -> str:
    """The row that a fixture was written for: "chat" for chat_zoom.txt."""
    return file.name.split(".")[0].split("_")[0]


def test_every_format_has_a_fixture() -> None:
    assert {format_of(file) for file in FILES} == set(FORMATS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_fixture_is_read_by_the_row_it_was_written_for(file: Path) -> None:
    assert parse(file.read_text(encoding="utf-8")).format == format_of(file)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_rendered_dialogue_is_read_as_the_same_turns(file: Path) -> None:
    dialogue = parse(file.read_text(encoding="utf-8"))
    again = parse(render_turns(dialogue))
    assert said(again) == said(dialogue)
    assert again.has_speakers == dialogue.has_speakers
    assert again.left_out == 0


@pytest.mark.parametrize("text", ["[1, 2, 3]", "[" * 100_000, '{"text":', "[]"], ids=range(4))
def test_json_without_turns_is_only_a_text(text: str) -> None:
    assert parse(text).format == "narration"


@pytest.mark.parametrize("text", ["I changed the oil, you left", "Two seats left.", "we joined them", "I deleted it"])
def test_speech_that_sounds_like_a_system_line_is_kept(text: str) -> None:
    assert said(parse(f"[12:03] Ana: {text}\n[12:04] Ben: ok")) == [("Ana", text), ("Ben", "ok")]


@pytest.mark.parametrize(
    "text",
    [
        "Note: buy milk",
        "http://example.org/a",
        "At 12:30 we left.",
        "12:30",
        "There is one more thing that I wanted to say: stop.",
        "He told me about that yesterday: fine.",
        "10:ten of them were left",
        "[9:30] Doors: open\n" + "Nobody came in the first hour.\n" * 9,
        "We met at the harbour.\nIt was late: nine o'clock.\nNobody came.\nThen it rained.",
        "Dear all,\n\nplease note: the office closes at noon.\nThe reason: a storm.\n\nYours",
        "Ingredients:\nflour\nwater\n\nMethod:\nmix both\nwait an hour\nbake",
        "Lunch 12:30\nwith the team\nthen back to work\nand home\nat last",
        "Welcome 9:00\nin the hall\nTour 10:15\nof the plant\nLunch 12:30\nin the garden",
    ],
)
def test_prose_with_colons_is_one_narrator(text: str) -> None:
    dialogue = parse(text)
    assert (dialogue.speakers, dialogue.has_speakers) == (("Narrator",), False)


def test_text_before_the_first_speaker_is_kept() -> None:
    dialogue = parse("Standup on Monday\n\nAna: hi\nthere\nBen: hello\nAna: ok")
    assert said(dialogue)[0] == ("Narrator", "Standup on Monday")
    assert dialogue.has_speakers


def test_a_lower_case_word_that_never_comes_back_is_no_speaker() -> None:
    dialogue = parse("Ana: we go\nto the lake\nremember: bring food\nBen: ok\nAna: yes\nBen: bye")
    assert said(dialogue)[0] == ("Ana", "we go to the lake remember: bring food")


def test_names_without_a_space_behind_them_and_long_titles() -> None:
    assert parse("Simon:8 sharp at my place\nTom:Ok").speakers == ("Simon", "Tom")
    assert parse("Hon. Mary Ng (Minister of Small Business and Export Promotion): Thank you.").speakers == (
        "Hon. Mary Ng",
    )


@pytest.mark.parametrize("text", ["", " \n\t ", "\ufeff", "\x1b[31m\x1b[0m", "\u200b\n\u200e"])
def test_an_empty_text_says_that_there_is_nothing_to_summarize(text: str) -> None:
    with pytest.raises(InputUnreadable, match="nothing to summarize"):
        parse(text)


def test_json_without_messages_is_refused_with_the_names_it_uses() -> None:
    with pytest.raises(InputUnreadable, match=r"no messages that Parley knows.*\(orders, id, price\)"):
        parse('{"orders": [{"id": 7, "price": 12}]}')


def test_a_chat_of_system_lines_only_says_so() -> None:
    with pytest.raises(InputUnreadable, match="besides 2 system lines"):
        parse("[12:03] Ana: <Media omitted>\n[12:04] Ben left\n")


@given(st.text())
def test_no_text_crashes_the_parser_and_what_it_reads_round_trips(text: str) -> None:
    try:
        dialogue = parse(text)
    except InputUnreadable:
        return
    assert said(parse(render_turns(dialogue))) == said(dialogue)


# Pieces of which formats are made, so that the examples come near them.
_PIECES = [
    "[12:03] ",
    "Ana",
    ": ",
    "\n",
    "> ",
    "On Mon, 2 Mar 2026 at 9:00, Ana <a@b.c> wrote:",
    "From: ",
    "To: x",
    "WEBVTT",
]


_PIECES += [
    "00:00:01.000 --> 00:00:02.000",
    "<v Ben>",
    '{"text": "a"}',
    "#Person1#: ",
    "Note: ",
    "9:14 AM",
    "--",
    "** ",
]


_PIECES += [
    "[",
    '"',
    "hello",
    "12/03/2026, 12:03 - ",
    "\x1b[1m",
    "\u200e",
    "：",
    "Narrator",
    "\ud800",
    "\u2028",
    "\x85",
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(_PIECES), max_size=25).map("".join))
def test_no_mixture_of_formats_crashes_the_parser(text: str) -> None:
    test_no_text_crashes_the_parser_and_what_it_reads_round_trips.hypothesis.inner_test(text)  # type: ignore[attr-defined]


_NAMES = st.text(alphabet=string.ascii_letters + "éß漢 .'#&(", min_size=1, max_size=12).filter(str.strip)


_SPEECH = st.text(alphabet=string.ascii_letters + string.digits + ":,.!?>[]<{}\"' -*é漢", min_size=1, max_size=40)


_WRITERS = {
    "tags": lambda turns: "\n".join(f"#Person{len(name)}#: {text}" for name, text in turns),
    "names": lambda turns: "\n".join(f"{name}: {text}" for name, text in turns),
    "transcript": lambda turns: "\n\n".join(f"{name}:\n{text}" for name, text in turns),
    "webvtt": lambda turns: (
        "WEBVTT\n\n" + "\n\n".join(f"00:01.000 --> 00:02.000\n<v {name}>{text}" for name, text in turns)
    ),
    "srt": lambda turns: "\n\n".join(
        f"{n}\n00:00:01,000 --> 00:00:02,000\n{name}: {text}" for n, (name, text) in enumerate(turns, 1)
    ),
    "ass": lambda turns: (
        "[Script Info]\n\n[Events]\nFormat: Start, Name, Text\n"
        + "\n".join(f"Dialogue: 0:01,{name},{text}" for name, text in turns)
    ),
    "lines": lambda turns: "\n".join(f"{name} - {text}" for name, text in turns),
    "markup": lambda turns: (
        '<?xml version="1.0"?><chat>'
        + "".join(f"<message alias={quoteattr(name)}>{escape(text)}</message>" for name, text in turns)
        + "</chat>"
    ),
    "json": lambda turns: json.dumps([{"speaker": name, "text": text} for name, text in turns]),
    "jsonl": lambda turns: "\n".join(json.dumps({"author": name, "content": text}) for name, text in turns),
    "mail": lambda turns: "\n".join(
        f"From: {name} <a@b.example>\nDate: Mon, 2 Mar 2026\n\n{text}\n" for name, text in turns
    ),
    "chat": lambda turns: "\n".join(f"[12:03] {name}: {text}" for name, text in turns),
    "paste": lambda turns: "\n".join(f"{name}  9:14 AM\n{text}" for name, text in turns),
    "narration": lambda turns: "\n\n".join(text for _, text in turns),
    "marked": lambda turns: "\n".join(f"**{name}:** {text}" for name, text in turns),
    "questions": lambda turns: "\n".join(f"{'QA'[place % 2]}. {text}" for place, (_, text) in enumerate(turns)),
    "timed": lambda turns: "\n".join(f"0:{place:02d}\n{text}" for place, (_, text) in enumerate(turns)),
    "table": lambda turns: "sender\ttext\n" + "\n".join(f"{name}\t{text}" for name, text in turns),
}


def test_every_format_has_a_writer() -> None:
    assert set(_WRITERS) == set(FORMATS)


@pytest.mark.parametrize("name", list(FORMATS))
@settings(max_examples=60)
@given(turns=st.lists(st.tuples(_NAMES, _SPEECH), min_size=1, max_size=6))
def test_turns_of_every_format_round_trip(name: str, turns: list[tuple[str, str]]) -> None:
    test_no_text_crashes_the_parser_and_what_it_reads_round_trips.hypothesis.inner_test(  # type: ignore[attr-defined]
        _WRITERS[name](turns)
    )


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1))
def test_json_with_any_speaker_and_any_text_round_trips(turns: list[tuple[str, str]]) -> None:
    test_no_text_crashes_the_parser_and_what_it_reads_round_trips.hypothesis.inner_test(  # type: ignore[attr-defined]
        json.dumps([{"speaker": name, "text": text} for name, text in turns])
    )


def test_five_thousand_lines_are_read() -> None:
    text = "".join(f"Ana: line {n} of a long meeting\nBen: noted, see 12:30\n" for n in range(2_500))
    assert len(parse(text).turns) == 5_000


@pytest.mark.parametrize("piece", [">", "<v.", "a.", "\n", "[", "Ana ", "On 1", "\x1b]", "> x\n", "12:03\n", ":"])
def test_long_input_is_read(piece: str) -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\n" * (piece == "<v.") + "From: " * (piece == "a.") + piece * 100_000
    parse(text + "\nTo: me\n\nend")  # A quadratic pattern would take minutes.


def test_speakers_are_renamed_wherever_they_speak() -> None:
    dialogue = rename(parse("A: hi\nB: hello\nA: bye"), {"A": "Ana", "B": "Ben: the boss"})
    assert dialogue.speakers == ("Ana", "Ben the boss")
    assert render_turns(dialogue) == "Ana: hi\nBen the boss: hello\nAna: bye"


def test_a_narrator_with_a_name_is_a_speaker() -> None:
    told = rename(parse("It rained all day.\n\nThen it stopped."), {"Narrator": "Ana"})
    assert (told.speakers, told.has_speakers) == (("Ana",), True)


def test_names_can_be_exchanged() -> None:
    assert rename(parse("A: hi\nB: hello"), {"A": "B", "B": "A"}).speakers == ("B", "A")


def test_renaming_somebody_who_does_not_speak_lists_who_does() -> None:
    with pytest.raises(UsageError, match="no speaker is called 'C'; there are A, B"):
        rename(parse("A: hi\nB: hello"), {"C": "D"})


def test_renames_are_pairs() -> None:
    assert parse_renames(["#Person1#=Ana", " B = Ben = boss "]) == {"#Person1#": "Ana", "B": "Ben = boss"}


@pytest.mark.parametrize("pairs", [["A"], ["=B"], ["A="], [""], ["A=B", "A=C"]])
def test_anything_else_is_refused(pairs: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_renames(pairs)


def test_rendering_cleans_turns_made_by_hand() -> None:
    turns = (Turn(speaker="Dr: Who", text="two\nlines\x00"), Turn(speaker="B", text="  "))
    assert render_turns(Dialogue(turns=turns, format="names")) == "Dr Who: two lines"
