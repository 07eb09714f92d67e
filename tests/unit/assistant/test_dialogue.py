"""Texts in every format become the turns that people said, and are read back from their own lines."""

import json
import string
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.dialogue import FORMATS, parse, parse_renames, rename, render_turns
from assistant.errors import InputUnreadable, UsageError
from assistant.records import Dialogue, Turn

FIXTURES = Path(__file__).parents[2] / "fixtures" / "dialogues"
FILES = sorted(FIXTURES.iterdir())


def format_of(file: Path) -> str:
    """The row that a fixture was written for: "chat" for chat_zoom.txt."""
    return file.name.split(".")[0].split("_")[0]


def said(dialogue: Dialogue) -> list[tuple[str, str]]:
    return [(turn.speaker, turn.text) for turn in dialogue.turns]


def read(name: str) -> Dialogue:
    return parse((FIXTURES / name).read_text(encoding="utf-8"))


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


def test_speaker_tags_with_a_turn_over_two_lines() -> None:
    assert said(read("tags.txt"))[1:3] == [
        ("#Person2#", "Hello, I borrowed an atlas and it is two weeks late. I am so sorry about that."),
        ("#Person1#", "No problem. The fee is 1.40 euros."),
    ]


def test_labels_times_and_addresses_are_no_speakers() -> None:
    dialogue = read("names.txt")
    assert dialogue.speakers == ("Priya", "Marek", "Dr. Lena von Thal")
    assert said(dialogue)[1] == ("Marek", "Yes, at 12:30. Two of them are cracked though. Note: the crate was fine.")
    assert said(dialogue)[-1] == ("Marek", "https://example.org/kiln has the first three.")


def test_a_transcript_keeps_lists_inside_a_turn() -> None:
    dialogue = read("transcript.txt")
    assert [turn.speaker for turn in dialogue.turns] == ["Priya", "Marek", "Priya", "Marek"]
    assert dialogue.turns[0].text.endswith("- the glaze order - Reminder: the fair on Sunday")


def test_webvtt_names_its_voices_and_joins_their_cues() -> None:
    assert said(read("webvtt.vtt")) == [
        ("Oluchi Eze", "Morning, everyone. Shall we start with the ticket queue?"),
        ("Tomasz", "Sure. We closed forty & opened twelve."),
        ("Oluchi Eze", "That is the best week since March."),
    ]


def test_subrip_takes_speakers_from_its_lines() -> None:
    dialogue = read("srt.srt")
    assert said(dialogue)[1:] == [("EDGAR", "Until six, I think."), ("WANDA", "Then we have ten minutes.")]
    assert dialogue.turns[0].time == "00:00:00,500"


def test_all_that_a_voice_says_in_a_row_is_one_turn() -> None:
    cues = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ana>One.\n\n00:02.000 --> 00:03.000\n<v Ana>Two.\n"
    assert said(parse(cues)) == [("Ana", "One. Two.")]


def test_captions_without_speakers_are_a_narrator_sentence_by_sentence() -> None:
    cue = "{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{text}\n\n"
    texts = ["It rained", "all day.", "Then it stopped."]
    dialogue = parse("".join(cue.format(n=n, text=text) for n, text in enumerate(texts)))
    assert said(dialogue) == [("Narrator", "It rained all day."), ("Narrator", "Then it stopped.")]
    assert not dialogue.has_speakers


def test_a_short_first_line_of_a_caption_is_no_name() -> None:
    cues = "1\n00:00:01,000 --> 00:00:02,000\nYes\nof course.\n\n2\n00:00:02,000 --> 00:00:03,000\nNever\nagain."
    assert said(parse(cues)) == [("Narrator", "Yes of course."), ("Narrator", "Never again.")]


def test_json_takes_roles_and_parts_of_content() -> None:
    dialogue = read("json.json")
    assert said(dialogue)[1] == ("assistant", "I am sorry! What is the order number?")
    assert dialogue.left_out == 1  # The empty answer.


def test_json_lines_take_names_from_objects() -> None:
    dialogue = read("jsonl.jsonl")
    assert dialogue.speakers == ("Hana", "Luis")
    assert dialogue.turns[0].time == "09:01"


def test_json_may_hold_the_conversation_as_text() -> None:
    assert said(parse('{"id": 7, "dialogue": "Ana: hello\\nBen: hi"}')) == [("Ana", "hello"), ("Ben", "hi")]


@pytest.mark.parametrize("text", ["[1, 2, 3]", '{"a": {"b": 1}}', "[" * 100_000, '{"text":', "[]"], ids=range(5))
def test_json_without_turns_is_only_a_text(text: str) -> None:
    assert parse(text).format == "narration"


def test_a_mail_thread_is_read_from_old_to_new_without_signatures() -> None:
    dialogue = read("mail.txt")
    assert said(dialogue) == [
        ("Ilse Braun", "Dear Femi, what would a new roof for the shed cost?"),
        ("Femi Ade", "The quote is 2,300 euros, scaffolding included. Can I come on Tuesday at eight?"),
        ("Ilse Braun", "Tuesday works, and please bring the ladder."),
    ]
    assert dialogue.left_out == 4  # "--" and the two lines below it, "Sent from my iPhone".


def test_text_above_a_block_of_mail_headers_is_from_its_recipient() -> None:
    assert [turn.speaker for turn in read("mail_outlook.txt").turns] == ["Amira Haddad", "Jonas Berg", "Amira Haddad"]


def test_answers_between_quotations_stay_in_order() -> None:
    assert said(read("mail_inline.txt")) == [
        ("Tess Moor", "Which size do we need?"),
        ("Ravi", "The large one."),
        ("Tess Moor", "And by when?"),
        ("Ravi", "By Thursday."),
    ]


def test_a_whatsapp_export_loses_system_lines_and_keeps_what_was_said() -> None:
    dialogue = read("chat.txt")
    assert said(dialogue) == [
        ("Noor", "Who is driving on Saturday?"),
        ("Pavel", "I can. Two seats left. We meet at the station: 8:15, north exit"),
        ("+44 7700 900123", "I take one seat!"),
        ("Noor", "Then Greta has the last one."),
    ]
    # The notice on encryption, the group made, the picture, and Greta added.
    assert dialogue.left_out == 4
    assert dialogue.turns[0].time == "12/03/2026, 18:03"


def test_an_iphone_export_has_marks_and_a_byte_order_mark() -> None:
    dialogue = read("chat_iphone.txt")
    assert said(dialogue)[1:] == [("Pavel", "I can. Two seats left."), ("Greta", "One for me.")]
    assert dialogue.left_out == 2


@pytest.mark.parametrize(
    ("name", "speakers"),
    [
        ("chat_bracket.txt", ("Wim", "Aiko")),
        ("chat_zoom.txt", ("Ruth Abel", "Kofi")),
        ("chat_irc.txt", ("mags", "tobi")),
        ("paste_teams.txt", ("Beatriz Souza", "Lund, Erik")),
        ("paste_lines.txt", ("Sara Lind", "Ken Abe")),
        ("paste_discord.txt", ("quill", "Brindle")),
        ("paste_telegram.txt", ("Dana", "Yusuf")),
    ],
)
def test_each_chat_program_names_its_speakers(name: str, speakers: tuple[str, ...]) -> None:
    assert read(name).speakers == speakers


def test_a_slack_paste_keeps_messages_and_leaves_out_times_and_reactions() -> None:
    dialogue = read("paste.txt")
    assert said(dialogue)[:2] == [
        ("Sara Lind", "Is the staging server down for anybody else? I get a 502 since 9:10 and now a timeout"),
        ("Ken Abe", "Restarting it. Give me 5 minutes"),
    ]
    assert dialogue.left_out == 4  # The day, a time of its own, a reaction, "2 replies".


def test_a_date_without_its_year_opens_a_message_and_a_fraction_is_none() -> None:
    dialogue = read("paste_teams_guest.txt")
    assert said(dialogue)[1:] == [
        ("Omar Haddad", "Yes, for 60 people."),
        ("Dana Fields", "Then 3/4 of the budget is left."),
        ("Omar Haddad", "1/2"),
    ]
    assert dialogue.left_out == 1  # "like 1".


def test_the_number_of_a_reaction_on_its_own_line_is_nobody_s() -> None:
    dialogue = read("paste_slack_older.txt")
    assert said(dialogue)[1:3] == [
        ("omar", "It fails when the clock crosses midnight."),
        ("dana", "Can you merge before the 3 pm release?"),
    ]
    assert dialogue.left_out == 3  # The reaction, its number, "New".
    assert said(parse("Ana  9:14 AM\nhow many?\nBen  9:15 AM\n2\nAna  9:16 AM\nok"))[1] == ("Ben", "2")


def test_what_whatsapp_writes_under_a_name_is_known_in_german_too() -> None:
    dialogue = read("chat_german.txt")
    assert said(dialogue)[-2:] == [
        ("Tante Gerda", "Dann nehme ich den Apfelkuchen. Und Sahne."),
        ("Max", "super, ich komme um 15 Uhr"),
    ]
    # Encryption under the group's name, the group made, a picture, Max added, a message deleted.
    assert dialogue.left_out == 5


@pytest.mark.parametrize(
    "notice",
    [
        "Imagen omitida", "image absente", "immagine omessa", "Foto weggelaten", "audio omitted", "Mensagem apagada",
        "<Multimedia omitido>", "Se eliminó este mensaje.", "Ce message a été supprimé", "Dit bericht is verwijderd",
        "Los mensajes y las llamadas están cifrados de extremo a extremo. Nadie más puede leerlos.",
    ],
)  # fmt: skip
def test_a_notice_in_another_language_is_left_out(notice: str) -> None:
    dialogue = parse(f"[01.02.26, 12:03:11] Ana: hola\n[01.02.26, 12:04:11] Ben: {notice}")
    assert (said(dialogue), dialogue.left_out) == ([("Ana", "hola")], 1)


def test_a_mark_of_editing_is_no_speech_and_the_message_is() -> None:
    dialogue = read("chat_whatsapp_us.txt")
    assert [text for _, text in said(dialogue)] == [
        "The clean-up moved to Saturday the 21st, 8 am at the north lot.",
        "ok! do we need our own gloves?",
        "I'll drive, room for 3",
    ]
    # Three notices at the start, a picture, a code, "null", Joe, a message deleted.
    assert dialogue.left_out == 8


def test_an_english_clock_before_a_name_is_no_part_of_it() -> None:
    assert said(read("mail_gmail.txt")) == [
        ("Rosa Velez", "Any news about the summer party?"),
        ("Ben Okafor", "We need a venue for 60 people."),
        ("Rosa Velez", "The library hall is free on the 12th. Shall I book it?"),
    ]


def test_a_transcript_with_names_on_lines_of_their_own_below_the_times() -> None:
    assert said(read("srt_teams.txt")) == [("Hana Ito", "Good morning everyone."), ("Piet", "Hello.")]


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
    "json": lambda turns: json.dumps([{"speaker": name, "text": text} for name, text in turns]),
    "jsonl": lambda turns: "\n".join(json.dumps({"author": name, "content": text}) for name, text in turns),
    "mail": lambda turns: "\n".join(
        f"From: {name} <a@b.example>\nDate: Mon, 2 Mar 2026\n\n{text}\n" for name, text in turns
    ),
    "chat": lambda turns: "\n".join(f"[12:03] {name}: {text}" for name, text in turns),
    "paste": lambda turns: "\n".join(f"{name}  9:14 AM\n{text}" for name, text in turns),
    "narration": lambda turns: "\n\n".join(text for _, text in turns),
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


def test_five_thousand_lines_are_read_in_a_moment() -> None:
    text = "".join(f"Ana: line {n} of a long meeting\nBen: noted, see 12:30\n" for n in range(2_500))
    started = time.process_time()
    assert len(parse(text).turns) == 5_000
    assert time.process_time() - started < 1.0  # About 0.1 s; the margin is for a slow machine.


@pytest.mark.parametrize("piece", [">", "<v.", "a.", "\n", "[", "Ana ", "On 1", "\x1b]", "> x\n", "12:03\n", ":"])
def test_long_input_takes_linear_time(piece: str) -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\n" * (piece == "<v.") + "From: " * (piece == "a.") + piece * 100_000
    started = time.process_time()
    parse(text + "\nTo: me\n\nend")
    assert time.process_time() - started < 5.0  # A quadratic pattern takes minutes for this.


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
    with pytest.raises(UsageError, match="nobody is called 'C' in this conversation; there are A, B"):
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
