"""What each format and each program writes, read from a fixture of its own: who said what, and what nobody said."""

import pytest

from assistant.dialogue import parse
from tests.unit.assistant.dialogue_fixtures import read, said


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
    dialogue = read("marked.txt")
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


_KILN = [("Ana", "Can we meet at noon?"), ("Ben", "Yes, at the kiln."), ("Ana", "Great, I will bring the clay.")]


@pytest.mark.parametrize(
    ("name", "turns"),
    [
        ("chat_hexchat.txt", _KILN),
        ("chat_viber.txt", _KILN),
        ("chat_weechat.txt", _KILN),
        ("json_github_issue.json", [(name.lower(), text) for name, text in _KILN]),
        ("json_google_speech.json", [("Narrator", text) for _, text in _KILN[:2]]),
        ("paste_hacker_news.txt", [(name.lower(), text) for name, text in _KILN]),
    ],
)
def test_what_other_programs_write_is_read_whole(name: str, turns: list[tuple[str, str]]) -> None:
    assert said(read(name)) == turns


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
