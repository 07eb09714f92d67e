"""Where a person writes: pastes, new lines, what was sent before, files, and letters typed elsewhere."""

import asyncio
import io
import zipfile
from pathlib import Path

import pytest
from textual.events import Key

from assistant.dialogue import open_dialogue
from assistant.tui.widgets.composer import Composer
from tests.doubles import ScriptedAssistant
from tests.tui.screens import STANDUP, an_app, opened, paste, seen, settle, until


def zipped(chat: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("_chat.txt", chat)
    return stream.getvalue()


async def test_a_paste_of_5000_lines_is_folded_and_sent_whole() -> None:
    lines = [f"{('Maya', 'Tom', 'Ana', 'Eve', 'Bo')[n % 5]}: This is what I say as number {n}." for n in range(5_000)]
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await paste(pilot, "\n".join(lines))
        assert "conversation · 5,000 turns · 5 speakers" in seen(pilot.app)
        assert "number 4999" not in seen(pilot.app)
        await pilot.press("enter")
        await settle(pilot)
    assert len(assistant.asked[0][0].turns) == 5_000


async def test_ctrl_t_shows_who_says_what_before_anything_is_sent() -> None:
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+t")
        await settle(pilot)
        assert "Paste a conversation first" in seen(pilot.app)
        await paste(pilot, "\n".join(f"[12:0{n}, 5/3/2024] {'Ana' if n % 2 else 'Ben'}: word {n}" for n in range(10)))
        await pilot.press("ctrl+t")
        await settle(pilot)
        assert "Ana: word 9" in seen(pilot.app) and "Ben: word 8" in seen(pilot.app)
        await pilot.press("escape")
        assert "word 9" in pilot.app.screen.query_one(Composer).whole_text
    assert assistant.asked == []


async def test_backspace_in_the_empty_composer_takes_the_folded_paste_away() -> None:
    async with opened(an_app()) as pilot:
        await settle(pilot)
        await paste(pilot, "Maya: Hello there.\n" * 40)
        assert "40 turns" in seen(pilot.app)
        await pilot.press("backspace")
        await pilot.pause()
        assert pilot.app.screen.query_one(Composer).whole_text == ""


async def test_ctrl_j_makes_a_new_line_and_enter_sends() -> None:
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await pilot.press(*"Al: Hi", "ctrl+j", *"Bo: Ho", "enter")
        await settle(pilot)
    assert [(turn.speaker, turn.text) for turn in assistant.asked[0][0].turns] == [("Al", "Hi"), ("Bo", "Ho")]


async def test_what_is_typed_right_after_enter_is_not_sent_and_stays() -> None:
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        composer = pilot.app.screen.query_one(Composer)
        composer.editor.action_send()
        composer.editor.insert("And")  # before the message that Enter posted is heard
        await settle(pilot)
        assert composer.whole_text == "And"
    assert assistant.asked[0][0].turns[-1].text == "I can send the numbers before noon."


async def test_up_brings_back_what_was_sent_and_down_what_was_being_typed() -> None:
    async with opened(an_app()) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press(*"half", "up")
        await pilot.pause()
        assert pilot.app.screen.query_one(Composer).whole_text == STANDUP
        await pilot.press("down", "down", "down")
        await pilot.pause()
        assert pilot.app.screen.query_one(Composer).whole_text == "half"


async def test_a_text_without_speakers_is_said_to_be_one_narrators() -> None:
    async with opened(an_app()) as pilot:
        await settle(pilot)
        await paste(pilot, "Maya met Tom at noon.\nThey moved the review.\nTom booked the room.\nAna sent the numbers.")
        await until(pilot, "read as one narrator's")


async def test_a_file_is_named_with_an_at_sign_completed_by_tab_and_read(tmp_path: Path) -> None:
    (tmp_path / "standup.txt").write_text(STANDUP, encoding="utf-16")
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await pilot.press(*"@stand", "tab", "enter")
        await settle(pilot)
        assert pilot.app.screen.query_one(Composer).whole_text == STANDUP
        await pilot.press("enter")
        await settle(pilot)
    assert len(assistant.asked[0][0].turns) == 3


_PAGE_MESSAGE = """<div class="message default"><div class="pull_right date details" title="{time}">12:01</div>
<div class="from_name">{name}</div><div class="text">{text}</div></div>"""
_PAGE_ROWS = (("03.05.2024 12:01:00 UTC+01:00", "Ana", "At noon?"), ("03.05.2024 12:02:00 UTC+01:00", "Ben", "Yes."))
_PAGE = "".join(_PAGE_MESSAGE.format(time=time, name=name, text=text) for time, name, text in _PAGE_ROWS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("chat.zip", zipped("03/05/2024, 18:01 - Ana: At noon?\n03/05/2024, 18:02 - Ben: Yes.\n")),
        ("messages.html", f'<html><body><div class="history">{_PAGE}</div></body></html>'.encode()),
        ("one.eml", b"From: Ana <a@b.example>\nTo: b@b.example\nDate: Fri, 03 May 2024 12:00:00 +0000\n\nAt noon?\n"),
    ],
)
async def test_a_file_keeps_its_times_whatever_it_is_packed_in(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await paste(pilot, f"@{name}")
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
    asked = assistant.asked[0][0]
    assert asked.turns == open_dialogue(tmp_path / name).turns
    assert all("2024" in turn.time for turn in asked.turns)


async def test_a_file_that_is_not_there_is_said() -> None:
    async with opened(an_app()) as pilot:
        await settle(pilot)
        await paste(pilot, "@nothing.txt")
        await pilot.press("enter")
        await settle(pilot)
        assert "there is no file nothing.txt" in seen(pilot.app)


async def test_letters_typed_on_an_answer_begin_a_message_where_they_are_no_keys() -> None:
    async with opened(an_app()) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("shift+tab", *"And now?")
        await pilot.pause()
        assert pilot.app.screen.query_one(Composer).whole_text == "And now?"


async def test_what_arrives_in_one_burst_on_an_answer_is_typed_in_order_and_sent() -> None:
    """A terminal hands over at once what was typed while the app was busy; r, f, s and Enter are keys of an answer."""
    async with opened(an_app()) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("shift+tab")
        for letter in "/drafts 3":
            pilot.app.post_message(Key({"/": "slash", " ": "space"}.get(letter, letter), letter))
        pilot.app.post_message(Key("enter", "\r"))
        await settle(pilot)
        assert pilot.app.screen.query_one(Composer).whole_text == ""
        assert "3 drafts" in seen(pilot.app)


async def test_what_is_typed_before_the_first_frame_reaches_the_composer() -> None:
    app = an_app()

    async def type_early() -> None:
        while not (app.is_running and app.screen_stack and app.screen.focused):
            await asyncio.sleep(0)
        for letter in "early":
            app.post_message(Key(letter, letter))

    typing = asyncio.create_task(type_early())
    async with opened(app) as pilot:
        await typing
        await settle(pilot)
        assert app.screen.query_one(Composer).whole_text == "early"
