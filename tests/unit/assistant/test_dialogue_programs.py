"""What each program writes is read as the turns that it holds, format by format, with turns drawn by hypothesis."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.dialogue import FORMATS, parse, render_turns
from assistant.records import Dialogue


def said(dialogue: Dialogue) -> list[tuple[str, str]]:
    return [(turn.speaker, turn.text) for turn in dialogue.turns]


_PEOPLE = ("Ana", "Ben Okafor", "Dr. Lena von Thal", "Zoë", "李华", "O'Neil, Sam", "+44 7700 900123")
_MAILERS = _PEOPLE[:5]
_SAID = st.lists(st.text("abdeghé漢", min_size=1, max_size=8), min_size=1, max_size=9).map(
    lambda words: f"{' '.join(words).capitalize()}."
)
_Turns = list[tuple[str, str]]


def _quoting(turns: _Turns) -> str:
    """A mail over what it answers, quoted, and so on."""
    text = ""
    for name, words in turns:
        below = "".join(f"\n> {line}" for line in text.split("\n")) if text else ""
        text = f"{words}\n{below}\n\n"
        text = f"On Mon, Mar 2, 2026 at 5:40 PM {name} <a@b.example> wrote:\n\n" + "\n".join(
            f"> {line}" for line in text.split("\n")
        )
    return f"Thanks all.\n\n{text}"


def _lines(pattern: str, between: str = "\n") -> Callable[[_Turns], str]:
    return lambda turns: between.join(pattern.format(name=name, text=text) for name, text in turns)


# What a program writes, by the row that must read it.
_PROGRAMS: dict[str, tuple[str, Callable[[_Turns], str]]] = {
    "names": ("names", _lines("{name}: {text}")),
    "Markdown": ("names", _lines("**{name}:** {text}", "\n\n")),
    "Markdown, Signal": ("marked", _lines("**{name}** · 10:02\n{text}", "\n\n")),
    "Rev": ("marked", _lines("{name} (00:12):\n{text}", "\n\n")),
    "CSV": ("table", lambda turns: "sender,text\n" + _lines('"{name}","{text}"')(turns)),
    "WhatsApp, French": ("chat", _lines("03/05/2024 à 12:03 - {name}: {text}")),
    "WhatsApp, Finnish": ("chat", _lines("3.5.2024 klo 12.03 - {name}: {text}")),
    "WhatsApp, Spanish": ("chat", _lines("3/5/2024, 8:28\u202fp.\u00a0m. - {name}: {text}")),
    "WhatsApp, Arabic": ("chat", _lines("\u200f٣١/١٢/٢٠٢٣، ٦:٠٥ م - {name}: {text}")),
    "WhatsApp, Japanese": ("chat", _lines("[2026/7/9 午後2:30:02] {name}: {text}")),
    "WhatsApp, old": ("chat", _lines("09/12/2012 17:03:48: {name}: {text}")),
    "KakaoTalk": ("chat", _lines("[{name}] [오후 12:03] {text}")),
    "LINE": ("chat", lambda turns: "2024/05/03\n" + _lines("12:03\t{name}\t{text}")(turns)),
    "Element": ("chat", _lines("Fr., 20. Juni 2025, 15:13:23 - {name}: {text}")),
    "Discord, German": ("paste", _lines("{name} — heute um 09:14 Uhr\n{text}")),
    "WeChat": ("paste", _lines("{name} 2024-05-03 12:03:04\n{text}\n")),
    "transcript": ("transcript", _lines("{name}:\n{text}\nMore of it.")),
    "webvtt": (
        "webvtt",
        lambda turns: "WEBVTT\n\n" + _lines("00:01.000 --> 00:02.000\n<v {name}>{text}", "\n\n")(turns),
    ),
    "webvtt, Zoom": (
        "webvtt",
        lambda turns: "WEBVTT\n\n" + _lines("1\n00:00:01.000 --> 00:00:02.000\n{name}: {text}", "\n\n")(turns),
    ),
    "srt": ("srt", _lines("1\n00:00:01,000 --> 00:00:02,000\n{name}: {text}", "\n\n")),
    "srt, Teams": ("srt", _lines("0:0:1.12 --> 0:0:2.5\n{name}\n{text}", "\n\n")),
    "ASS": (
        "ass",
        lambda turns: (
            "[Script Info]\n\n[Events]\nFormat: Start, Name, Text\n"
            + "\n".join(f"Dialogue: 0:01,{name},{text}" for name, text in turns)
        ),
    ),
    "Adium": (
        "markup",
        lambda turns: (
            '<?xml version="1.0"?><chat>' + _lines('<message alias="{name}">{text}</message>')(turns) + "</chat>"
        ),
    ),
    "dashes": ("lines", _lines("{name} — {text}")),
    "json": ("json", lambda turns: json.dumps({"messages": [{"from": name, "text": text} for name, text in turns]})),
    "jsonl": ("jsonl", lambda turns: "\n".join(json.dumps({"role": name, "content": text}) for name, text in turns)),
    "mail": ("mail", _lines("From: {name} <a@b.example>\nDate: Mon, 2 Mar 2026\n\n{text}\n")),
    "mail, quoting": ("mail", _quoting),
    "WhatsApp": ("chat", _lines("12/03/2026, 12:03 - {name}: {text}")),
    "WhatsApp, iPhone": ("chat", _lines("\u200e[12.03.26, 12:03:44] {name}: {text}")),
    "WhatsApp, US": ("chat", _lines("3/12/26, 9:03\u202fAM - {name}: {text}")),
    "bracket": ("chat", _lines("[12:03] {name}: {text}")),
    "Zoom": ("chat", _lines("12:03:11 From {name} to Everyone : {text}")),
    "Slack": ("paste", _lines("{name}\u00a0\u00a09:14 AM\n{text}")),
    "Slack, in lines": ("paste", _lines("{name}\n  9:14 AM\n{text}")),
    "Slack, older": ("paste", _lines("{name} [9:14 AM]\n{text}")),
    "Teams": ("paste", _lines("[3/14 9:14 AM] {name}\n{text}\n")),
    "Discord": ("paste", _lines("{name} — Today at 9:14 AM\n{text}")),
    "Telegram": ("paste", _lines("{name}, [12.03.2026 09:14]\n{text}\n")),
}


def test_every_row_that_names_speakers_is_written_by_a_program() -> None:
    assert {row for row, _ in _PROGRAMS.values()} == set(FORMATS) - {"tags", "narration", "timed", "questions"}


@pytest.mark.parametrize("program", list(_PROGRAMS))
@settings(max_examples=40)
@given(texts=st.lists(_SAID, min_size=2, max_size=6), first=st.integers(0, len(_PEOPLE)))
def test_what_a_program_writes_is_read_by_its_row_as_the_turns_that_it_holds(
    program: str, texts: list[str], first: int
) -> None:
    row, write = _PROGRAMS[program]
    people = _MAILERS if row in ("mail", "ass") else _PEOPLE  # whose names have no comma
    pair = (people[first % len(people)], people[(first + 1) % len(people)])
    turns = [(pair[n % 2], text) for n, text in enumerate(texts)]
    turns = [*turns, *turns] if row == "lines" else turns  # names that do not come back are none

    dialogue = parse(write(turns))

    expected = [(name, f"{text} More of it.") for name, text in turns] if program == "transcript" else turns
    expected = [*expected, ("Sender", "Thanks all.")] if program == "mail, quoting" else expected
    assert dialogue.format == row and dialogue.left_out == (program == "LINE")
    assert said(dialogue) == expected
    assert said(parse(render_turns(dialogue))) == expected


@settings(max_examples=40)
@given(st.lists(_SAID, min_size=1, max_size=6))
def test_tags_and_narration_are_read_as_the_turns_that_they_hold(texts: list[str]) -> None:
    tagged = [(f"#Person{n % 2 + 1}#", text) for n, text in enumerate(texts)]
    dialogue = parse(_lines("{name}: {text}")(tagged))
    assert (dialogue.format, said(dialogue)) == ("tags", tagged)
    dialogue = parse("\n\n".join(texts))
    assert (dialogue.format, said(dialogue)) == ("narration", [("Narrator", text) for text in texts])
