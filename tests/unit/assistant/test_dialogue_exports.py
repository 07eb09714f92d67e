"""What programs export is read as a person reads it: one short file after each program's format, with its turns."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from assistant.dialogue import describe, open_dialogue
from assistant.errors import InputUnreadable, UsageError


def _said(content: str | bytes) -> list[tuple[str, str]]:
    raw = content.encode() if isinstance(content, str) else content
    return [(turn.speaker, turn.text) for turn in open_dialogue(raw).turns]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_SLACK = [
    {"type": "message", "ts": "1700000009.1", "user": "U2", "text": "Done &amp; merged"},
    {"type": "message", "ts": "1700000001.1", "user": "U1", "text": "<@U2> see <https://x.example|the page>",
     "user_profile": {"real_name": "Maya Roth"}},
    {"type": "message", "subtype": "channel_join", "ts": "1700000000.1", "user": "U1", "text": "joined"},
]  # fmt: skip
_TEXTS: dict[str, tuple[str | bytes, list[tuple[str, str]]]] = {
    "Slack, newest first": (_json(_SLACK), [("Maya Roth", "@U2 see the page"), ("U2", "Done & merged")]),
    "Telegram": (
        _json({"name": "Garden", "type": "private_group", "id": 1, "messages": [
            {"type": "service", "actor": "Ines", "text": ""},
            {"type": "message", "from": "Ines", "from_id": "u1", "date": "2024-05-03T12:01:00", "text": ["See ", {"type": "link", "text": "x.example"}]},
            {"type": "message", "from": "Olaf", "from_id": "u2", "date": "2024-05-03T12:02:00", "text": "Beans"},
        ]}),
        [("Ines", "See x.example"), ("Olaf", "Beans")],
    ),
    "Discord": (
        _json({"guild": {}, "channel": {}, "messages": [
            {"type": "GuildMemberJoin", "content": "Joined.", "author": {"name": "k"}},
            {"type": "Default", "content": "Hello", "author": {"name": "k_7", "nickname": "Kai"}, "timestamp": "2024-05-03T12:03:00+00:00"},
        ]}),
        [("Kai", "Hello")],
    ),
    "Messenger, with mojibake": (
        _json({"participants": [], "messages": [
            {"sender_name": "Finn", "timestamp_ms": 1700000300000, "content": "bis sp\u00c3\u00a4ter"},
            {"sender_name": "Zo\u00c3\u00ab", "timestamp_ms": 1700000100000, "content": "Kommst du?"},
            {"sender_name": "Finn", "timestamp_ms": 1700000200000, "photos": []},
        ]}),
        [("Zoë", "Kommst du?"), ("Finn", "bis später")],
    ),
    "Matrix": (
        _json({"messages": [
            {"type": "m.room.member", "state_key": "@bo:x", "sender": "@bo:x", "content": {"displayname": "Bo"}, "origin_server_ts": 1},
            {"type": "m.room.message", "sender": "@bo:x", "content": {"msgtype": "m.text", "body": "> <@a:x> hm?\n\nYes"}, "origin_server_ts": 2},
            {"type": "m.room.message", "sender": "@a:x", "content": {"msgtype": "m.image", "body": "p.jpg"}, "origin_server_ts": 3},
        ]}),
        [("Bo", "Yes")],
    ),
    "ChatGPT, the branch that is open": (
        _json([{"title": "Dough", "current_node": "c", "mapping": {
            "a": {"parent": None, "message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["How many eggs?"]}}},
            "b": {"parent": "a", "message": {"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": ["Two."]}}},
            "c": {"parent": "a", "message": {"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": ["Three."]}}},
        }}]),
        [("user", "How many eggs?"), ("assistant", "Three.")],
    ),
    "Claude": (
        _json([{"name": "Bread", "chat_messages": [
            {"sender": "human", "text": "How long?", "created_at": "2024-05-03T12:00:00Z"},
            {"sender": "assistant", "text": "40 minutes.", "created_at": "2024-05-03T12:00:05Z"},
        ]}]),
        [("human", "How long?"), ("assistant", "40 minutes.")],
    ),
    "Google Chat": (
        _json({"messages": [{"creator": {"name": "Lea", "email": "l@x"}, "created_date": "Friday", "text": "Lunch?"}]}),
        [("Lea", "Lunch?")],
    ),
    "Rev.ai": (
        _json({"monologues": [{"speaker": 0, "elements": [{"value": "Hello"}, {"value": " "}, {"value": "all"}, {"value": "."}]}]}),
        [("Speaker 0", "Hello all.")],
    ),
    "WhisperX": (
        _json({"segments": [{"start": 0.1, "speaker": "SPEAKER_01", "text": " Hi."}, {"start": 2.0, "speaker": "SPEAKER_00", "text": " Yo."}]}),
        [("SPEAKER_01", "Hi."), ("SPEAKER_00", "Yo.")],
    ),
    "Mattermost bulk export": (
        '{"type": "version", "version": 1}\n'
        '{"type": "post", "post": {"user": "guzo", "message": "Free?", "create_at": 1566901514999, '
        '"replies": [{"user": "bram", "message": "At 5", "create_at": 1566901515999}]}}',
        [("guzo", "Free?"), ("bram", "At 5")],
    ),
    "Skype": (
        _json({"conversations": [{"id": "x", "MessageList": [
            {"originalarrivaltime": "2024-05-03T12:01:00Z", "displayName": "Ann", "content": "At <b>ten</b>"},
        ]}]}),
        [("Ann", "At ten")],
    ),
    "a semicolon table": ("Datum;Absender;Nachricht\n3.5.2024;Uwe;Montag?\n3.5.2024;Petra;Ja, um 9\n", [("Uwe", "Montag?"), ("Petra", "Ja, um 9")]),
    "Telegram's page": (
        '<!DOCTYPE html><html><body><div class="message default"><div class="date" title="03.05.2024 12:01">12:01</div>'
        '<div class="from_name">Ines</div><div class="text">Who waters<br>the beans?</div></div>'
        '<div class="message default joined"><div class="text">Anyone?</div></div></body></html>',
        [("Ines", "Who waters the beans?"), ("Ines", "Anyone?")],
    ),
    "another page": ("<html><body><p>Ana: <b>hello</b></p><p>Ben: hi</p></body></html>", [("Ana", "hello"), ("Ben", "hi")]),
    "Shift-JIS": ("美咲: お昼はどうしますか。駅前のそば屋はどうですか。\n健: いいですね、十二時半に行きましょう。".encode("cp932"), [
        ("美咲", "お昼はどうしますか。駅前のそば屋はどうですか。"), ("健", "いいですね、十二時半に行きましょう。"),
    ]),
    "a mail": (
        b"From: =?utf-8?q?Vera_H=C3=B6lm?= <v@x.example>\nTo: s@x.example\nDate: Fri, 3 May 2024 12:00:00 +0000\n"
        b"Message-ID: <1@x>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
        b"Content-Transfer-Encoding: quoted-printable\n\nBis sp=C3=A4ter, um f=\n=C3=BCnf.\n\n-- \nVera\n",
        [("Vera Hölm", "Bis später, um fünf.")],
    ),
    "a mailbox, by date": (
        b"From b@x Fri May  3 13:00:00 2024\nFrom: Sam <b@x>\nDate: Fri, 3 May 2024 13:00:00 +0000\nMessage-ID: <2@x>\n\n"
        b"On Friday Vera wrote:\n> Monday?\n\nNo, Tuesday.\n\n"
        b"From a@x Fri May  3 12:00:00 2024\nFrom: Vera <a@x>\nDate: Fri, 3 May 2024 12:00:00 +0000\nMessage-ID: <1@x>\n\nMonday?\n\n",
        [("Vera", "Monday?"), ("Sam", "No, Tuesday.")],
    ),
    "Outlook in Spanish": (
        "De acuerdo.\n\nDe: Luis Gil <l@x.example>\nEnviado el: viernes, 3 de mayo de 2024 12:03\nPara: Ana Ruiz <a@x.example>\n"
        "Asunto: Cita\n\n¿El martes?\n",
        [("Luis Gil", "¿El martes?"), ("Ana Ruiz", "De acuerdo.")],
    ),
    "Outlook in French": (
        "D'accord.\n\nDe : Luc Petit <l@x.example>\nEnvoyé : vendredi 3 mai 2024 12:03\nÀ : Zoé Roy <z@x.example>\nObjet : Date\n\nMardi ?\n",
        [("Luc Petit", "Mardi ?"), ("Zoé Roy", "D'accord.")],
    ),
    "a reply between quotations": (
        "From: Ana <a@x>\nDate: Mon, 2 Sep 2024 10:00:00 +0200\nSubject: Dates\n\nIs the 4th fine? And the room?\n\n"
        "From: Ben <b@x>\nDate: Mon, 2 Sep 2024 11:00:00 +0200\nSubject: Re: Dates\n\n> Is the 4th fine?\n\nYes.\n\n> And the room?\n\nRoom 7.\n",
        [("Ana", "Is the 4th fine? And the room?"), ("Ben", "Yes. Room 7.")],
    ),
    "irssi": (
        "--- Log opened Fri May 03 12:00:00 2024\n12:00 -!- kaja [~k@h] has joined #g\n12:01 < kaja> why: it fails?\n12:02 <@root_> a header\n12:02  * kaja sighs\n",
        [("kaja", "why: it fails?"), ("root_", "a header"), ("kaja", "sighs")],
    ),
    "a schedule inside a message": (
        "12/05/2026, 18:01 - Priya: Monday:\n10:30 Dentist: bring the card\n12:00 lunch\n12/05/2026, 18:02 - Sam: fine\n",
        [("Priya", "Monday: 10:30 Dentist: bring the card 12:00 lunch"), ("Sam", "fine")],
    ),
    "a contact of eight words": (
        "12/05/2026, 18:01 - Anna Maria Luisa de la Torre Vega Plumber: at 9\n12/05/2026, 18:02 - Sam: fine\n",
        [("Anna Maria Luisa de la Torre Vega Plumber", "at 9"), ("Sam", "fine")],
    ),
    "WhatsApp's own lines on iOS": (
        "[14.08.25, 21:00:10] Trip: \u200eMessages and calls are end-to-end encrypted.\n[14.08.25, 21:00:11] Trip: \u200eBoris heeft de groep gemaakt\n"
        "[14.08.25, 21:02:10] Boris: Who drives?\n[14.08.25, 21:03:10] ~ Dana: \u200eimage omitted\n[14.08.25, 21:04:10] ~ Dana: I do",
        [("Boris", "Who drives?"), ("Dana", "I do")],
    ),
    "times without speakers": ("[00:00:04] Welcome.\n[00:00:15] One thing: it is fast.\n[00:00:19] Bye.\n", [
        ("Narrator", "Welcome."), ("Narrator", "One thing: it is fast."), ("Narrator", "Bye."),
    ]),
    "captions with dashes and sounds": (
        "1\n00:00:01,000 --> 00:00:03,000\n- Where were you?\n- At sea.\n\n2\n00:00:05,500 --> 00:00:07,000\n[door slams]\n",
        [("Narrator", "Where were you?"), ("Narrator", "At sea.")],
    ),
    "a caption that goes on without a name": (
        "WEBVTT\n\n1\n00:00:05.100 --> 00:00:09.000\nLuis: who pays\n\n2\n00:00:09.000 --> 00:00:11.000\nfor it?\n", [("Luis", "who pays for it?")],
    ),
    "a court's page": (
        " 1             EXAMINATION\n 2  BY MS. HALE:\n 3       Q.   Where were you on\n 4  March 3rd?\n 5       A.   At home.\n 6            MR. FORD:  Objection.\n",
        [("Q", "Where were you on March 3rd?"), ("A", "At home."), ("MR. FORD", "Objection.")],
    ),
    "ChatGPT's page, copied": ("You said:\nHow many eggs?\nChatGPT said:\nThree.\nYou said:\nAnd salt?\n", [("You", "How many eggs?"), ("ChatGPT", "Three."), ("You", "And salt?")]),
    "headings of an AI chat": ("# Bread\n\n## User\nHow long?\n\n## Assistant\n40 minutes:\n- hot\n\n## User\nThanks\n", [("User", "How long?"), ("Assistant", "40 minutes: - hot"), ("User", "Thanks")]),
    "iMessage": ("May 17, 2026  5:29:42 PM (Read by them after 2 minutes)\nMe\nIs it free?\n\nMay 17, 2026  5:31:45 PM\nBram\nNot before 6\n", [("Me", "Is it free?"), ("Bram", "Not before 6")]),
    "Signal, by sigtop": (
        "Conversation: Kitchen\n\nFrom: You\nType: outgoing\nSent: Thu, 18 Sep 2025 08:40:00 -0400\n\nFree?\n\nFrom: Al K. (0fdd6757-0000-4000-8000-000000000001)\n"
        "Type: incoming\nSent: Thu, 18 Sep 2025 08:44:56 -0400\n\nAt 5\n",
        [("You", "Free?"), ("Al K.", "At 5")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(_TEXTS))
def test_an_export_is_read_as_its_turns(name: str) -> None:
    content, turns = _TEXTS[name]
    assert _said(content) == turns


# Each says "When?" and is answered "Noon", in the shape that the program's documentation shows.
_ASKED = {
    "Zulip": _json({"result": "success", "messages": [
        {"id": 2, "sender_full_name": "Ben", "content": "<p>Noon</p>", "timestamp": 1700000060},
        {"id": 1, "sender_full_name": "Ana", "content": "<p>When?</p>", "timestamp": 1700000000},
    ]}),
    "Webex": _json({"items": [
        {"personEmail": "Ben", "text": "Noon", "created": "2024-05-03T12:01:00Z"},
        {"personEmail": "Ana", "text": "When?", "created": "2024-05-03T12:00:00Z"},
    ]}),
    "Teams, by Microsoft Graph": _json({"value": [
        {"createdDateTime": "2024-05-03T12:01:00Z", "from": {"user": {"displayName": "Ben"}}, "body": {"contentType": "html", "content": "<p>Noon</p>"}},
        {"createdDateTime": "2024-05-03T12:00:00Z", "from": {"user": {"displayName": "Ana"}}, "body": {"contentType": "html", "content": "<p>When?</p>"}},
    ]}),
    "Intercom": _json({"type": "conversation", "conversation_parts": {"conversation_parts": [
        {"part_type": "comment", "body": "<p>When?</p>", "created_at": 1700000000, "author": {"name": "Ana"}},
        {"part_type": "comment", "body": "<p>Noon</p>", "created_at": 1700000060, "author": {"name": "Ben"}},
    ]}}),
    "GitHub's comments": _json([
        {"user": {"login": "Ana"}, "body": "When?", "created_at": "2024-05-03T12:00:00Z"},
        {"user": {"login": "Ben"}, "body": "Noon", "created_at": "2024-05-03T12:01:00Z"},
    ]),
    "Gitter": _json([
        {"fromUser": {"displayName": "Ana"}, "text": "When?", "sent": "2024-05-03T12:00:00Z"},
        {"fromUser": {"displayName": "Ben"}, "text": "Noon", "sent": "2024-05-03T12:01:00Z"},
    ]),
    "Snapchat": _json({"Received Saved Chat History": [], "ana": [
        {"From": "Ben", "Media Type": "TEXT", "Created": "2024-05-03 12:01:00 UTC", "Content": "Noon"},
        {"From": "Ana", "Media Type": "TEXT", "Created": "2024-05-03 12:00:00 UTC", "Content": "When?"},
    ]}),
    "Instagram": _json({"participants": [{"name": "Ana"}], "thread_path": "inbox/x", "messages": [
        {"sender_name": "Ana", "timestamp_ms": 3000, "content": "Liked a message"},
        {"sender_name": "Ben", "timestamp_ms": 2000, "content": "Noon"},
        {"sender_name": "Ana", "timestamp_ms": 1000, "content": "When?"},
    ]}),
    "Amazon Transcribe": _json({"results": {"transcripts": [{"transcript": "When? Noon"}], "audio_segments": [
        {"id": 0, "transcript": "When?", "start_time": "0.0", "speaker_label": "Ana"},
        {"id": 1, "transcript": "Noon", "start_time": "1.0", "speaker_label": "Ben"},
    ]}}),
    "AssemblyAI": _json({"id": "x", "status": "completed", "text": "When? Noon", "utterances": [
        {"speaker": "Ana", "text": "When?", "start": 1}, {"speaker": "Ben", "text": "Noon", "start": 5},
    ]}),
    "ShareGPT": _json([{"conversations": [{"from": "Ana", "value": "When?"}, {"from": "Ben", "value": "Noon"}]}]),
    "LinkedIn": "CONVERSATION ID,CONVERSATION TITLE,FROM,SENDER PROFILE URL,TO,DATE,SUBJECT,CONTENT,FOLDER\n"
                "1,,Ana,,Ben,2024-05-03 12:00:00 UTC,,When?,INBOX\n1,,Ben,,Ana,2024-05-03 12:01:00 UTC,,Noon,INBOX\n",
    "Discord's table": 'AuthorID,Author,Date,Content,Attachments,Reactions\n"1","Ana","2024-05-03T12:00:00","When?","",""\n"2","Ben","2024-05-03T12:01:00","Noon","",""\n',
    "Viber": "[ 03/05/2024 12:00:05 ] Ana: When?\n[ 03/05/2024 12:01:05 ] Ben: Noon\n",
    "Google Hangouts, copied": "Ana\n12:00 PM\nWhen?\nBen\n12:01 PM\nNoon\n",
    "Slack, copied": "Ana\n  12:00 PM\nWhen?\n\nBen\n  12:01 PM\nNoon\n",
    "Discord, copied": "Ana — 05/03/2024 12:00 PM\nWhen?\nBen — Today at 12:01 PM\nNoon\n",
    "Teams, copied": "Ana  12:00 PM\nWhen?\nBen  12:01 PM\nNoon\n",
    "WeeChat": "2024-05-03 12:00:05\tAna\tWhen?\n2024-05-03 12:01:05\tBen\tNoon\n2024-05-03 12:02:05\t-->\tcy (c@x) has joined #a\n",
    "ZNC": "[12:00:05] <Ana> When?\n[12:01:05] <Ben> Noon\n[12:02:05] *** Joins: cy (c@x)\n",
    "Pidgin": "Conversation with Ben at Fri 03 May 2024 12:00:00 PM CEST on ana@x.example (jabber)\n(12:00:05 PM) Ana: When?\n(12:01:05 PM) Ben: Noon\n",
    "Fireflies": "Ana - 00:04\nWhen?\n\nBen - 00:09\nNoon\n",
    "Rev": "Ana (00:04):\nWhen?\n\nBen (00:09):\nNoon\n",
    "Trint": "[00:00:04] Ana: When?\n[00:00:09] Ben: Noon\n",
    "Otter": "Ana  0:04  \nWhen?\n\nBen  0:09  \nNoon\n\nTranscribed by https://otter.ai\n",
    "lyrics' times": "[00:01.00]Ana: When?\n[00:02.00]Ben: Noon\n",
    "Twitch": "[12:00:05] Ana: When?\n[12:01:05] Ben: Noon\n",
    "BigBlueButton": "[12:00] Ana : When?\n[12:01] Ben : Noon\n",
    "Zoom's chat": "12:00:05 From Ana to Everyone:\n\tWhen?\n12:01:05 From Ben to Everyone:\n\tNoon\n",
    "an older Zoom's chat": "12:00:05\t From Ana : When?\n12:01:05\t From Ben : Noon\n",
    "Descript": "**Ana:** When?\n\n**Ben:** Noon\n",
}  # fmt: skip


@pytest.mark.parametrize("name", list(_ASKED))
def test_a_question_and_its_answer_are_read(name: str) -> None:
    assert _said(_ASKED[name]) == [("Ana", "When?"), ("Ben", "Noon")]


def _zip(files: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


def test_whatsapp_s_zip_holds_its_chat() -> None:
    chat = "12/05/2026, 18:01 - Ana: at 9?\n12/05/2026, 18:02 - Sam: fine\n"
    assert _said(_zip({"_chat.txt": chat, "IMG-1.jpg": "x"})) == [("Ana", "at 9?"), ("Sam", "fine")]


def test_slack_s_zip_holds_a_channel_s_days_and_its_users() -> None:
    users = _json([{"id": "U1", "name": "mroth", "profile": {"real_name": "Maya Roth"}}])
    days = {
        f"general/2024-05-0{day}.json": _json(
            [{"type": "message", "ts": f"17{day}.1", "user": "U1", "text": f"day {day}"}]
        )
        for day in (3, 2)
    }
    assert _said(_zip({"users.json": users, **days})) == [("Maya Roth", "day 2"), ("Maya Roth", "day 3")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_zip({"a.txt": "A: b", "b.txt": "C: d"}), "holds 2 conversations (a.txt, b.txt)"),
        (_json({"orders": [{"id": 7}]}).encode(), "no sender and text among its keys (orders, id)"),
        (_json({"chats": {"list": [{"name": n, "messages": [{"type": "message", "text": "x"}]} for n in "AB"]}}).encode(), "an export of 2 conversations (A, B)"),
        (b"PK\x03\x04broken", "damaged"),
    ],
)  # fmt: skip
def test_what_holds_no_one_conversation_says_what_it_holds(content: bytes, message: str) -> None:
    with pytest.raises(InputUnreadable) as error:
        open_dialogue(content)
    assert message in str(error.value)


def test_a_long_plain_conversation_is_no_mail() -> None:
    """Two hundred lines that could be headers: a pattern that backtracks would not come back."""
    text = "".join(f"{name}: line {number}\n" for number in range(100) for name in ("Ana", "Ben"))
    assert len(_said(text)) == 200


def test_a_format_can_be_named(tmp_path: Path) -> None:
    text = b"12:30 Ana: lunch\n12:40 Ben: ok\n"
    assert open_dialogue(text, "chat").speakers == ("Ana", "Ben")
    assert open_dialogue(text, "narration").speakers == ("Narrator",)
    with pytest.raises(UsageError, match="no format 'chats'; there are tags, names"):
        open_dialogue(text, "chats")
    with pytest.raises(InputUnreadable, match="not in the format"):
        open_dialogue(b"hello there", "webvtt")


def test_what_was_understood_is_said_in_a_line() -> None:
    text = (
        "03/05/2024, 12:00 - Messages and calls are end-to-end encrypted.\n03/05/2024, 12:03 - Ana: at 9?\n"
        "03/05/2024, 12:04 - Sam: <Media omitted>\n07/06/2024, 12:04 - Sam: fine\n"
    )
    dialogue = open_dialogue(text.encode())
    assert dialogue.kinds == {"notices": 1, "media": 1}
    assert describe(dialogue) == (
        "WhatsApp · 2 messages · 2 people · 1 notice, 1 picture or file left out · 03/05/2024 to 07/06/2024"
    )
