"""What people copy out of programs and pages is read as they see it: an example after each program's format.

In each, Ana asks "When?", Ben answers "At noon", and Ana says "Good idea".
"""

import json
from typing import Any

import pytest

from assistant.dialogue import open_dialogue
from assistant.errors import InputUnreadable

_TURNS = (("Ana", "When?", "12:00"), ("Ben", "At noon", "12:01"), ("Ana", "Good idea", "12:02"))


def _lines(pattern: str) -> str:
    return "".join(pattern.format(name=name, text=text, time=time) for name, text, time in _TURNS)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_PASTES = {
    "WhatsApp Web": _lines("[{time}, 5/3/2024] {name}: {text}\n"),
    "Telegram, with replies": _lines("{name}, [03.05.2024 {time}]\n[In reply to Cy]\n{text}\n\n"),
    "WeChat, the time first": _lines("2024-05-03 {time}:05 {name}\n{text}\n\n"),
    "QQ": "消息记录\n\n=======\n消息对象:小王\n=======\n\n" + _lines("2024-05-03 {time}:05 {name}(10001)\n{text}\n\n"),
    "DingTalk": _lines("{name} 05-03 {time}:05\n{text}\n\n"),
    "Feishu": _lines("{name} 5月3日 {time}\n{text}\n"),
    "Zalo": _lines("{name} {time} 03/05/2024\n{text}\n"),
    "Teams, one space": _lines("{name} {time} PM\n{text}\n"),
    "Google Chat, edited": _lines("{name}, Fri {time} PM, Edited\n{text}\n"),
    "Webex chat": _lines("from {name} to everyone:    {time} PM\n{text}\n"),
    "LinkedIn": _lines(
        "{name} sent the following message at {time} PM\nView {name}’s profile\n{name}  {time} PM\n{text}\n"
    ),
    "GitHub": _lines("{name} commented on May 3, 2024\n{text}\n\n"),
    "Jira": _lines("{name} added a comment - 03/May/24 {time} PM\n{text}\n\n"),
    "Reddit": _lines("{name}\n•\n2h ago\n{text}\n\nUpvote\n12\nDownvote\nReply\nShare\n"),
    "Hacker News": _lines("{name} 2 hours ago | parent | next [–]\n\n{text}\n\n"),
    "YouTube's live chat": _lines("{time} PM\n{name}\n{text}\n"),
    "tl;dv": _lines("00:{time} - {name}\n{text}\n\n"),
    "Gong": _lines("{time} | {name}\n{text}\n\n"),
    "Fireflies": _lines("{name} - {time}\n{text}\n"),
    "Org mode": _lines("* 2024-05-03 Fri {time} {name}\n{text}\n"),
    "Google Meet": "Sync (2024-05-03 at 12:00 GMT+2) - Transcript\nAttendees\nAna, Ben\nTranscript\n00:00:00\n\n"
    + _lines("{name}: {text}\n\n00:{time}\n\n")
    + "Meeting ended after 00:12:03 👋\n",
    "Hansard": _lines("{name} (Perth—Minister for Roads) ({time}): {text}\n\n"),
    "Salesforce": _lines("( 1m 20s ) {name}: {text}\n"),
    "mIRC": "Session Start: Fri May 03 12:00:00 2024\nSession Ident: #garden\n"
    + _lines("[{time}] <{name}> {text}\n[{time}] * cy has joined #garden\n")
    + "Session Close: Fri May 03 12:10:00 2024\n",
    "HexChat": "**** BEGIN LOGGING AT Fri May  3 12:00:00 2024\n\nMay 03 12:00:00 *\tNow talking on #garden\n"
    + _lines("May 03 {time}:10 <{name}>\t{text}\n")
    + "**** ENDING LOGGING AT Fri May  3 12:10:00 2024\n",
    "Discord's text export": _lines("[03-May-24 {time} PM] {name}\n{text}\n\n{{Attachments}}\nhttps://x.example/y.png\n\n"),
    "iMazing": _lines("-----------\nFri May 3, 2024 {time}:01 PM\n{name}\n\n{text}\n"),
    "whisper.cpp": "".join(
        f"[00:{time}.000 --> 00:{time}.900]   (speaker {name[0]}) {text}\n" for name, text, time in _TURNS
    ),
    "pyannote": _lines("{name} [0.5s - 3.2s]: {text}\n"),
    "quoted": _lines("> {name}: {text}\n"),
    "a list": _lines("- {name}: {text}\n"),
    "a numbered list": "1. Ana: When?\n2. Ben: At noon\n3. Ana: Good idea\n",
    "brackets": _lines("[{name}] {text}\n"),
    "angles": _lines("<{name}> {text}\n"),
    "a table of Markdown": "| Speaker | Text |\n|---|---|\n" + _lines("| {name} | {text} |\n"),
    "HTML without a head": _lines("<p><strong>{name}:</strong> {text}</p>"),
    "Gmail": _lines("{name}\nMay 3, 2024, {time} PM (2 days ago)\nto me\n\n{text}\n\n"),
    "Gmail, printed": _lines("{name} <a@x.example>\tFri, May 3, 2024 at {time} PM\nTo: Cy <c@x.example>\n{text}\n\n"),
    "Outlook on the web": _lines("{name}\nTo: Cy\nFri 5/3/2024 {time} PM\n{text}\n\n"),
    "Apple Mail, German": _lines("{name} schrieb am 03.05.2024 um {time}:\n{text}\n\n"),
    "X": _lines("{name}\n@handle\n·\nMay 3\n{text}\n"),
    "YouTube's comments": _lines("{name}\n2 days ago\n{text}\n\n12\n\nReply\n"),
    "Discourse": _lines("{name}\nMay 3\n{text}\n"),
    "phpBB": _lines("by {name} » Fri May 03, 2024 {time} pm\n\n{text}\n\n"),
    "Zoom, cloud": _lines("[{name}] {time}:05\n{text}\n\n"),
    "Happy Scribe": _lines("[00:{time}.12] - {name}\n{text}\n\n"),
    "Descript": _lines("{name}: [00:{time}] {text}\n\n"),
    "podcasts, by tabs": _lines("{name}:\t00:{time}\t{text}\n"),
    "WhatsApp, with a message to come": "[03.05.24, 12:00:00] Ben: Waiting for this message. This may take a while.\n"
    + _lines("[03.05.24, {time}:01] {name}: {text}\n"),
    "Viber": _lines("[ 03-05-2024 ] [ {time}:05 ] {name}: {text}\n"),
    "a game's log": _lines("[{time}:05] [Server thread/INFO]: <{name}> {text}\n"),
    "the European Parliament": _lines("{name}. – {text}\n\n"),
    "bold names and dashes": _lines("**{name}** – {text}\n\n"),
    "bold names alone": _lines("**{name}**\n{text}\n\n"),
    "dashes": _lines("{name} - {text}\n"),
    "bars": _lines("{name} | {text}\n"),
    "tabs": _lines("{name}\t{text}\n"),
    "a date, no time": _lines("2024-05-03 {name}: {text}\n"),
    "Teams, with reactions": _lines("{name}\n{time} PM\n\n{text}\n\n1 Like reaction.\n1\n\n"),
    "a viewer of WhatsApp's backups": _lines("{time} PM, 3 May - {name}: {text}\n"),
    "Confluence": _lines("{name} May 03, 2024\n{text}\n\n"),
    "comments of Google Docs": _lines("{name}\n{time} PM May 3\n{text}\n\n"),
    "Figma": _lines("{name}, 2 days ago\n{text}\n"),
    "Intercom, copied": _lines("{name}, May 3, {time} PM\n{text}\n"),
    "Help Scout": _lines("{name} {time}pm, May 3\n{text}\n\n"),
    "Bluesky": _lines("{name}\n@name.bsky.social\n2h\n{text}\n\n"),
    "Mastodon": _lines("{name}\n@name@m.example\nMay 3, 2024, {time}\n{text}\n\n"),
    "headings": _lines("## {name}\n\n{text}\n\n"),
    "headings with times": _lines("### {name} ({time})\n\n{text}\n\n"),
    "arrows": _lines("{name} -> {text}\n"),
    "numbers in parentheses": _lines("(1) {name}: {text}\n"),
    "JSON pairs": _json([[name, text] for name, text, _ in _TURNS]),
    "JSON texts": _json([f"{name}: {text}" for name, text, _ in _TURNS]),
    "JSON by id": _json({time: {"from": name, "text": text} for name, text, time in _TURNS}),
    "SBV": _lines("0:{time}.000,0:{time}.900\n>> {name}: {text}\n\n"),
    "Webex captions": "WEBVTT\n\n" + _lines('1 "{name}" (77)\n00:{time}.000 --> 00:{time}.900\n{text}\n\n'),
    "ASS": "[Script Info]\nTitle: Talk\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    + _lines("Dialogue: 0,0:{time}.00,0:{time}.90,Default,{name},0,0,0,,{{\\i1}}{text}{{\\i0}}\n"),
    "TTML": '<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata"><head><metadata>'
    '<ttm:agent xml:id="a"><ttm:name>Ana</ttm:name></ttm:agent>'
    '<ttm:agent xml:id="b"><ttm:name>Ben</ttm:name></ttm:agent>'
    '</metadata></head><body><p begin="1s" ttm:agent="a">When?</p><p begin="2s" ttm:agent="b">At<br/>noon</p>'
    '<p begin="3s" ttm:agent="a">Good idea</p></body></tt>',
    "Adium": '<?xml version="1.0"?><chat xmlns="http://purl.org/net/ulf/ns/0.4-02">'
    '<event type="windowOpened" sender="a"/>'
    + _lines('<message sender="a" time="2024-05-03T{time}:01-05:00" alias="{name}"><div>{text}</div></message>')
    + "</chat>",
    "MSN Messenger": '<?xml version="1.0"?><Log>'
    + _lines(
        '<Message DateTime="2024-05-03T{time}:01Z"><From><User FriendlyName="{name}"/></From>'
        "<Text>{text}</Text></Message>"
    )
    + "</Log>",
    "Instagram's page": "<html><body>"
    + "".join(
        f'<div class="pam"><h2>{name}</h2><div>{text}</div><div>May 3</div></div>'
        for name, text, _ in reversed(_TURNS)
    )
    + "</body></html>",
    "iMazing's table": "Message Date,Type,Sender Name,Text\n" + _lines("2024-05-03 {time}:01,Incoming,{name},{text}\n"),
    "a log of JSON lines": _lines('{{"at":"2024-05-03T{time}:05Z","nick":"{name}","line":"{text}"}}\n'),
    "Trello": _json({"actions": [
        {"date": f"2024-05-03T{time}:00Z", "data": {"text": text}, "memberCreator": {"fullName": name}}
        for name, text, time in reversed(_TURNS)
    ]}),
    "TikTok": _json({"Direct Messages": {"Chat History": {"ChatHistory": {"Chat History with ana:": [
        {"Date": f"2024-05-03 {time}:00", "From": name, "Content": text} for name, text, time in _TURNS
    ]}}}}),
    "HipChat": _json([
        {"UserMessage": {"sender": {"name": name}, "message": text, "timestamp": f"2024-05-03T{time}:00Z"}}
        for name, text, time in _TURNS
    ]),
    "Signal": _json({"messages": [
        {"source": "+491", "sourceName": name, "body": text, "timestamp": 1700000000000 + place}
        for place, (name, text, _) in enumerate(_TURNS)
    ]}),
    "Amazon Connect": _json({"Transcript": [
        {"Id": "1", "DisplayName": name, "Content": text} for name, text, _ in _TURNS
    ]}),
    "Zendesk": _json({
        "comments": [{"author_id": int(name == 'Ben'), "body": text} for name, text, _ in _TURNS],
        "users": [{"id": 0, "name": "Ana"}, {"id": 1, "name": "Ben"}],
    }),
    "Intercom": _json({
        "source": {"author": {"name": "Ana"}, "body": "<p>When?</p>"},
        "conversation_parts": {"conversation_parts": [
            {"author": {"name": name}, "body": f"<p>{text}</p>"} for name, text, _ in _TURNS[1:]
        ] + [{"part_type": "close", "author": {"name": "Ben"}, "body": None}]},
    }),
}  # fmt: skip
_NAMES = {"whisper.cpp": ("speaker A", "speaker B")}
_LATIN = {"Ana": 0, "Ben": 1}


@pytest.mark.parametrize("program", list(_PASTES))
def test_a_question_its_answer_and_the_reply_are_read(program: str) -> None:
    names = _NAMES.get(program, ("Ana", "Ben"))
    turns = [(turn.speaker, turn.text) for turn in open_dialogue(_PASTES[program].encode()).turns]
    assert turns == [(names[_LATIN[name]], text) for name, text, _ in _TURNS]


def _said(text: str) -> list[tuple[str, str]]:
    return [(turn.speaker, turn.text) for turn in open_dialogue(text.encode()).turns]


def test_a_day_that_somebody_names_is_an_answer_and_no_heading() -> None:
    """ "Да" is Tuesday's abbreviation too, and Slack writes "Today" between messages."""
    paste = "Ана Рот  12:00\nКогда?\nБен Ли  12:02\nДа\nАна Рот  12:03\nХорошо\nToday\nБен Ли  12:04\n12:30\n"
    assert [text for _, text in _said(paste)] == ["Когда?", "Да", "Хорошо", "12:30"]
    chat = "[03.05.24, 12:00:00] Ana: Which days?\nMonday\nFriday\n[03.05.24, 12:01:00] Ben: Sunday\n"
    assert _said(chat) == [("Ana", "Which days? Monday Friday"), ("Ben", "Sunday")]
    assert _said("Ana:\nWhen?\n\nBen:\nSunday\n\nAna:\n10:30\n\nBen:\nFine\n") == [
        ("Ana", "When?"), ("Ben", "Sunday"), ("Ana", "10:30"), ("Ben", "Fine"),
    ]  # fmt: skip


def test_a_time_that_somebody_says_stays_in_the_text() -> None:
    said = [("Ana", "12:30 works"), ("Ben", "Fine, then"), ("Ana", "See you")]
    assert _said("".join(f"{name}: {text}\n" for name, text in said)) == said
    paste = "Ana Roth  12:00\nHow long?\nBen Li  12:01\nSoon\n2h\nAna Roth  12:02\nGood\n"
    assert _said(paste) == [("Ana Roth", "How long?"), ("Ben Li", "Soon 2h"), ("Ana Roth", "Good")]


def test_messages_that_are_gone_do_not_outvote_those_that_are_there() -> None:
    gone = "12/03/2024, 12:07 - This message was deleted\n" * 8
    dialogue = open_dialogue(f"12/03/2024, 12:00 - Ana: hi\n{gone}12/03/2024, 12:59 - Ben: bye\n".encode())
    assert [(turn.speaker, turn.text) for turn in dialogue.turns] == [("Ana", "hi"), ("Ben", "bye")]
    assert dialogue.kinds == {"deleted": 8}


def test_a_day_over_messages_is_a_heading() -> None:
    line = "[LINE] Chat\n\n2024/05/03(Fri)\n12:00\tAna\tWhen?\n12:01\tBen\tNoon\n\n2024/05/04(Sat)\n09:00\tAna\tNow\n"
    assert _said(line) == [("Ana", "When?"), ("Ben", "Noon"), ("Ana", "Now")]


def test_a_play_names_its_speakers_in_capitals() -> None:
    play = [("ANA", "When?"), ("BEN", "At noon. In the yard."), ("ANA", "Good idea.")]
    assert _said("".join(f"{name}\n{text}\n\n" for name, text in play)) == play
    assert _said("".join(f"{name}. {text}\n" for name, text in play)) == play


@pytest.mark.parametrize(
    "text",
    [
        "[ ] milk\n[x] bread\n[ ] eggs\n",
        "NOTE\nBring milk.\n\nBread.\n\nEggs.\n",
        "<b>One</b> and\n<i>two</i>\n",
        "The Berlin Wall (German: Berliner Mauer) was a wall.\n",
        "[Verse] One day\n[Chorus] Sing\n",
        "[Fixed] Tabs\n[Fixed] Keys\n[Fixed] Colours\n",
    ],
)
def test_boxes_and_capitals_name_nobody(text: str) -> None:
    assert {name for name, _ in _said(text)} == {"Narrator"}


def test_names_alone_on_their_lines_are_speakers_where_they_come_back() -> None:
    said = [
        ("Ana Roth - Chief Executive", "Revenue grew by 4 %.\n\nThe north did best."),
        ("Ben Li - Analyst", "What drove it?"),
        ("Ana Roth - Chief Executive", "Two new shops."),
        ("Cy Moe - Analyst", "And costs?"),
        ("Ben Li - Analyst", "Yes, costs."),
    ]
    assert _said("\n\n".join(f"{name}\n\n{text}" for name, text in said)) == [
        (name, " ".join(text.split())) for name, text in said
    ]
    once = "Overview\nSoup and bread.\n\nPrices\nSoup is 4.\n\nOverview\nCakes.\n"
    assert {name for name, _ in _said(once)} == {"Narrator"}
    headings = "Menu\n\nOverview\nSoup and bread.\n\nPrices\nSoup 4.\n\nOverview\nCakes.\n\nPrices\nCake 3.\n"
    assert {name for name, _ in _said(headings)} == {"Narrator"}


def test_a_sender_under_a_name_that_no_program_uses_is_found() -> None:
    turns = [(name, text) for name, text, _ in _TURNS]
    assert _said(_json([{"nick": name, "text": text} for name, text in turns])) == turns
    nested = [{"posterId": len(name), "poster": {"fullName": name}, "data": {"text": text}} for name, text in turns]
    assert _said(_json(nested)) == turns
    notes = [{"author": {"name": name}, "body": text, "system": False} for name, text in turns]
    assert _said(_json([*notes, {"author": {"name": "Ben"}, "body": "closed", "system": True}])) == turns
    assert {name for name, _ in _said(_json([{"text": text, "id": 7} for _, text, _ in _TURNS]))} == {"Narrator"}


def test_json_of_orders_holds_no_messages() -> None:
    with pytest.raises(InputUnreadable, match="no sender and text"):
        _said(_json([{"owner": "Ana", "line": "A7"}, {"owner": "Ben", "line": "B9"}]))


def test_speech_services_give_words_and_phrases_with_speakers() -> None:
    spoken = [{"word": word, "speakerTag": tag} for word, tag in (("when", 1), ("at", 2), ("noon", 2))]
    google = {"results": [{"alternatives": [{"transcript": "when at noon"}]}, {"alternatives": [{"words": spoken}]}]}
    assert _said(_json(google)) == [("Speaker 1", "when"), ("Speaker 2", "at noon")]
    words = [("spk_0", "When"), (None, "?"), ("spk_1", "At"), ("spk_1", "noon"), ("spk_1", ".")]
    items = [{"speaker_label": name, "alternatives": [{"content": word}]} for name, word in words]
    assert _said(_json({"results": {"items": items}})) == [("spk_0", "When?"), ("spk_1", "At noon.")]
    azure = {
        "recognizedPhrases": [
            {"speaker": 1, "nBest": [{"display": "When?"}]},
            {"speaker": 2, "nBest": [{"display": "At noon."}]},
        ]
    }
    assert _said(_json(azure)) == [("Speaker 1", "When?"), ("Speaker 2", "At noon.")]


_SMS = '<?xml version="1.0"?><smses count="4">{}</smses>'


def test_a_backup_of_messages_knows_who_sent_them() -> None:
    rows = (
        '<sms address="+49" date="1700000002000" type="2" body="At noon &#55357;&#56832;" contact_name="Ana"/>'
        '<sms address="+49" date="1700000001000" type="1" body="When?" contact_name="Ana"/>'
        '<mms date="1700000003000" msg_box="1" contact_name="Ana"><parts><part ct="image/png" text="null"/>'
        '<part ct="text/plain" text="Good"/></parts></mms><mms date="1700000004000" msg_box="1" contact_name="Ana"/>'
    )
    dialogue = open_dialogue(_SMS.format(rows).encode())
    assert [(turn.speaker, turn.text) for turn in dialogue.turns] == [
        ("Ana", "When?"),
        ("Me", "At noon 😀"),
        ("Ana", "Good"),
    ]
    assert dialogue.kinds == {"media": 1}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            _SMS.format('<sms address="1" type="1" body="a"/><sms address="2" type="1" body="b"/>'),
            r"2 conversations \(1, 2\)",
        ),
        (_SMS.format("<sms"), "breaks off in line 1"),
        ('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><smses></smses>', "document type"),
        ('<?xml version="1.0"?><orders><order/></orders>', "its root is <orders>"),
        (
            "window.YTD.direct_messages.part0 = "
            + _json([{"dmConversation": {"conversationId": f"1-{n}", "messages": []}} for n in (2, 3)]),
            r"2 conversations \(1-2, 1-3\)",
        ),
    ],
)
def test_what_holds_no_one_conversation_says_what_it_holds(text: str, why: str) -> None:
    with pytest.raises(InputUnreadable, match=why):
        open_dialogue(text.encode())


def test_direct_messages_of_x_are_told_apart_by_number() -> None:
    rows = [
        {"messageCreate": {"senderId": "2", "text": "At noon", "createdAt": "2024-05-03T12:01:00.000Z"}},
        {"messageCreate": {"senderId": "1", "text": "When?", "createdAt": "2024-05-03T12:00:00.000Z"}},
        {"participantsJoin": {}},
    ]
    text = "window.YTD.direct_messages.part0 = " + _json([{"dmConversation": {"messages": rows}}])
    assert _said(text) == [("User 1", "When?"), ("User 2", "At noon")]


@pytest.mark.parametrize(
    ("notice", "deleted"),
    [
        ("Els missatges i les trucades estan xifrats d'extrem a extrem.", "Aquest missatge s'ha suprimit"),
        ("Poruke i pozivi zaštićeni su potpunom enkripcijom.", "Ova je poruka izbrisana"),
        ("Sinu saadetavad sõnumid ja kõned on kaitstud otsast otsani krüpteerimisega.", "See sõnum on kustutatud"),
        ("Jūsų žinutės ir skambučiai yra apsaugoti ištisiniu šifravimu.", "Ši žinutė buvo ištrinta"),
        ("Твоје поруке и позиви су обезбеђени са шифровањем од почетка до краја.", "Ова порука је обрисана"),
        ("Jumbe zako na simu unazopiga zipo salama kwa ufumbaji wa mwisho.", "Ujumbe huu ulifutwa"),
        ("मैसेजेस और कॉल्स एंड-टू-एंड एन्क्रिप्टेड हैं.", "यह मैसेज डिलीट कर दिया गया है"),
        ("আপনার বার্তা এবং কল এনক্রিপশানের মাধ্যমে নিরাপদ।", "এই বার্তাটি মুছে ফেলা হয়েছে।"),
        ("தங்கள் தகவல்களும் அழைப்புகளும் பாதுகாக்கப்படுகிறது", "இத்தகவல் திரும்பப்பெறப்பட்டது"),
    ],
)
def test_notices_of_whatsapp_are_known_in_more_languages(notice: str, deleted: str) -> None:
    chat = f"03/05/2024, 12:00 - {notice}\n03/05/2024, 12:01 - Ana: When?\n03/05/2024, 12:02 - Ben: {deleted}\n"
    dialogue = open_dialogue((chat + "03/05/2024, 12:03 - Ben: Noon\n").encode())
    assert [(turn.speaker, turn.text) for turn in dialogue.turns] == [("Ana", "When?"), ("Ben", "Noon")]
    assert dialogue.kinds == {"notices": 1, "deleted": 1}
