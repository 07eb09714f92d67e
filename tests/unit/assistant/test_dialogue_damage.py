"""Files that are damaged, made by hand or hostile: read as far as they go, or refused in a line."""

import contextlib
import io
import json
import random
import re
import zipfile

import docx
import pytest

from assistant.dialogue import open_dialogue, parse
from assistant.errors import InputUnreadable
from tests.unit.assistant.dialogue_fixtures import said

_CUE = "{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{text}\n\n"


def _cues(*texts: str) -> str:
    return "".join(_CUE.format(n=n, text=text) for n, text in enumerate(texts, 1))


@pytest.mark.parametrize(
    "text",
    [
        "<!-- a -->" * 400,
        " " * 60_000 + "<a",
        json.dumps([{"sender": "Ana", "text": "<a " * 30_000}]),
        "Ana: hello\nBen: yes" + " " * 60_000 + "x",
        "Ana — Today at 9:14 AM\nwell" + " " * 60_000 + "then\nBen — Today at 9:15 AM\nyes",
    ],
    ids=["comments", "white space first", "tags", "white space", "white space under a header"],
)
def test_a_pattern_that_backtracks_would_not_come_back(text: str) -> None:
    assert parse(text).turns


def test_markup_behind_a_prolog_is_read() -> None:
    rows = '<sms address="+49" date="1700000001000" type="1" body="When?" contact_name="Ana"/>'
    prolog = '<?xml version="1.0"?>\n<!-- one -->\n<?xml-stylesheet href="a"?><!-- <two> -->\n'
    assert said(parse(f"{prolog}<smses>{rows}</smses>")) == [("Ana", "When?")]


@pytest.mark.parametrize(
    "time",
    ["1e999", "-1e999", f"1{'0' * 400}", '"inf"', '"nan"', '"0001-01-01T00:00:00"', '{"$date": {"$date": 1}}', "[1]"],
)
def test_a_time_that_is_none_leaves_the_messages_in_their_order(time: str) -> None:
    rows = f'{{"sender": "Ben", "text": "Noon?", "time": {time}}}, {{"sender": "Ana", "text": "Yes.", "time": 5}}'
    assert said(parse(f"[{rows}]")) == [("Ben", "Noon?"), ("Ana", "Yes.")]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("#1 priority is the glaze.", "#1 priority is the glaze."),
        ("*sighs* Fine, I will go.", "*sighs* Fine, I will go."),
        ("* the glaze.", "* the glaze."),
        ("# Dramatic music #", ""),
        ("*sighs*", ""),
        ("♪ We are the champions", ""),
        ("[door slams]", ""),
    ],
)
def test_a_caption_is_a_sound_where_its_mark_closes_it(line: str, kept: str) -> None:
    dialogue = parse(_cues("Shall we start?", line, "Good."))
    assert [turn.text for turn in dialogue.turns] == ["Shall we start?", *([kept] if kept else []), "Good."]
    assert dialogue.left_out == (not kept)


def test_an_empty_line_inside_a_cue_ends_no_speech() -> None:
    assert said(parse(_cues("Ana: We need clay.\n\nAnd glaze.", "Ben: Yes."))) == [
        ("Ana", "We need clay. And glaze."),
        ("Ben", "Yes."),
    ]


def test_captions_with_an_empty_line_after_every_line_are_read() -> None:
    spread = _cues("Ana: We need clay.", "Ben: Yes.").replace("\n", "\n\n")
    assert said(parse(spread)) == [("Ana", "We need clay."), ("Ben", "Yes.")]


def test_notes_and_styles_of_webvtt_are_no_speech() -> None:
    cues = "00:01.000 --> 00:02.000\n<v Ana>One.\n\nNOTE checked by Tom\n\n00:02.000 --> 00:03.000\n<v Ben>Two.\n"
    assert said(parse(f"WEBVTT\n\nSTYLE\n::cue {{ color: red }}\n\n{cues}")) == [("Ana", "One."), ("Ben", "Two.")]


def test_a_line_of_ass_that_breaks_off_loses_only_itself() -> None:
    head = "[Script Info]\n[Events]\nFormat: Layer, Start, End, Name, Text\n"
    lines = "Dialogue: 0,0:00:01.00,0:00:02.00,Ana,Hello, Ben.\nDialogue: 0,0:00:03.00\nDialogue:"
    assert said(parse(head + lines)) == [("Ana", "Hello, Ben.")]


def test_a_text_message_with_a_raised_digit_for_its_date_is_read() -> None:
    assert said(parse('<smses><sms address="7" date="²" type="1" body="When?"/></smses>')) == [("7", "When?")]


@pytest.mark.parametrize("value", ["a text", ["a list"], 7, None, True])
def test_an_export_with_a_value_of_another_type_is_read_or_refused(value: object) -> None:
    part = {"body": "Hi", "author": {"name": "Ana"}, "created_at": 2}
    intercom = {"created_at": 1, "source": value, "conversation_parts": {"conversation_parts": [part]}}
    assert said(parse(json.dumps(intercom))) == [("Ana", "Hi")]
    discord = {"guild": {}, "messages": [{"content": "Hi", "author": value}]}
    assert said(parse(json.dumps(discord))) == [("Unknown", "Hi")]
    node = {"message": {"author": {"role": "user"}, "content": {"parts": ["Hi"]}, "metadata": value}, "parent": value}
    assert said(parse(json.dumps({"mapping": {"a": node}}))) == [("user", "Hi")]
    for broken in (value, {"a": value}, {"a": {"message": {"author": value, "content": value}}}):
        with contextlib.suppress(InputUnreadable):
            parse(json.dumps({"mapping": broken}))


def _chat(name: str) -> dict[str, object]:
    return {"name": name, "messages": [{"sender": "Ana", "text": "At noon?"}, {"sender": "Ben", "text": "Yes."}]}


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ({"channels": [_chat("pots"), _chat("kiln")]}, "pots, kiln"),
        ({"export": {"rooms": [_chat("pots"), {"name": "empty", "messages": []}, _chat("kiln")]}}, "pots, kiln"),
        ([_chat("pots"), _chat("kiln")], "pots, kiln"),
        ({name: _chat(name)["messages"] for name in ("pots", "kiln")}, "pots, kiln"),
        ({"conversations": {name: _chat("x") for name in ("pots", "kiln")}}, "pots, kiln"),
    ],
)
def test_several_conversations_in_one_file_are_named(value: object, names: str) -> None:
    with pytest.raises(InputUnreadable, match=re.escape(f"an export of 2 conversations ({names})")):
        parse(json.dumps(value))


@pytest.mark.parametrize(
    "value",
    [
        {"channels": [_chat("pots")]},
        {"channels": [{"name": "empty", "messages": []}, _chat("pots")]},
        {**_chat("pots"), "pinned": [{"sender": "Ana", "text": "At noon?"}]},
    ],
)
def test_the_one_conversation_in_a_file_is_read(value: object) -> None:
    assert said(parse(json.dumps(value))) == [("Ana", "At noon?"), ("Ben", "Yes.")]


def test_a_line_of_a_separator_alone_names_nobody() -> None:
    assert parse("[12:03] \n[12:03] \nhello\n\u2028\n").turns
    assert parse("hello\n[12:03] \n\u2028").turns


def _zipped(**files: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


def _word_file() -> bytes:
    document = docx.Document()
    document.add_paragraph("Ana: At noon?")
    document.add_paragraph("Ben: Yes.")
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


@pytest.mark.parametrize("content", [_zipped(**{"_chat.txt": "Ana: At noon?\nBen: Yes.\n" * 40}), _word_file()])
def test_a_packed_file_with_broken_bytes_is_read_or_refused(content: bytes) -> None:
    chance = random.Random(7)
    for _ in range(60):
        broken = bytearray(content)
        for _ in range(4):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        with contextlib.suppress(InputUnreadable):
            open_dialogue(bytes(broken))


@pytest.mark.parametrize("damage", ["[", "{}", "7", "[" * 5_000])
@pytest.mark.parametrize("name", ["users.json", "pots/2024-05-02.json"])
def test_a_slack_export_with_a_broken_file_is_refused(name: str, damage: str) -> None:
    day = json.dumps([{"type": "message", "ts": "17.1", "user": "U1", "text": "hi"}])
    files = {"users.json": "[]", "pots/2024-05-02.json": day, name: damage}
    with pytest.raises(InputUnreadable, match=f"{name} in the zip file is damaged"):
        open_dialogue(_zipped(**files))


def test_a_box_of_mail_with_a_letter_beyond_ascii_in_its_first_line_is_read() -> None:
    mail = "From ana@b.c Fri May  3 12:00:00 2024 ’\nFrom: Ana <ana@b.c>\nSubject: clay\n\nAt noon?\n"
    assert said(open_dialogue(mail.encode())) == [("Ana", "At noon?")]


@pytest.mark.parametrize("kind", [[], {}, None, 7])
def test_a_matrix_event_of_a_strange_kind_is_left_out(kind: object) -> None:
    rows = [
        {"type": "m.room.message", "sender": "@ana:b.c", "content": {"msgtype": one, "body": "Hi"}}
        for one in ("m.text", kind)
    ]
    dialogue = parse(json.dumps({"messages": rows}))
    assert (said(dialogue), dialogue.kinds) == ([("ana", "Hi")], {"media": 1})
