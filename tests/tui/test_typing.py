"""Every letter arrives in the composer, wherever the focus was, unless what is on the screen names it as a key."""

import asyncio
import os
import random

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input

from assistant.records import GenerationSettings
from assistant.settings import Settings
from assistant.tui.app import AssistantApp
from assistant.tui.screens.text import Reading
from assistant.tui.widgets.transcript.answer import AnswerView
from assistant.tui.widgets.transcript.entry import EntryView
from tests.doubles import ScriptedAssistant
from tests.tui.screens import BY_MODEL, STANDUP, an_app, opened, paste, seen, settle

DRAFTS = Settings(generation=GenerationSettings(decoding="sample", drafts=2), summary=BY_MODEL)
LETTERS = "abcdefghijklmnopqrstuvwxyz+-=?/ 1é"
NAMES = {"+": "plus", "-": "minus", "=": "equals_sign", "?": "question_mark", "/": "slash", " ": "space"}
MOVES = ("shift+tab", "tab", "escape", "up", "down", "left", "home", "f9", "f1", "ctrl+r", "f3", "pageup", "f10")
MOST_SCREENS = 6
"""So many can lie over each other after six keys."""


def typed(app: AssistantApp) -> str:
    return app.chat.parts.composer.whole_text


async def answered(pilot: Pilot[None], text: str = STANDUP) -> None:
    await settle(pilot)
    await paste(pilot, text)
    await pilot.press("enter")
    await settle(pilot)


async def test_after_drafts_the_letters_go_to_the_composer() -> None:
    app = an_app(ScriptedAssistant("One.", "Two."), DRAFTS)
    async with opened(app) as pilot:
        await answered(pilot)
        await pilot.press(*"shorter")
        assert typed(app) == "shorter"


@pytest.mark.usefixtures("minilm")
async def test_after_the_evidence_was_closed_the_letters_go_to_the_composer() -> None:
    app = an_app()
    async with opened(app) as pilot:
        await answered(pilot)
        await pilot.press("shift+tab", "e")
        await settle(pilot)
        assert "What it rests on" in seen(app)
        await pilot.press("escape")
        await settle(pilot)
        await pilot.press(*"be", "space", *"brief")
        assert typed(app) == "be brief"


async def test_a_letter_over_a_text_to_read_closes_it_and_is_typed() -> None:
    app = an_app()
    async with opened(app) as pilot:
        await answered(pilot)
        await pilot.press("shift+tab", "p")
        await settle(pilot)
        assert isinstance(app.screen, Reading)
        await pilot.press(*"shorter")
        assert typed(app) == "shorter" and app.screen is app.chat


@pytest.mark.parametrize("keys", [("shift+tab",), ("escape", "up")])
async def test_a_selected_answer_is_framed_and_names_the_keys_it_has(keys: tuple[str, ...]) -> None:
    app = an_app()
    async with opened(app) as pilot:
        await answered(pilot)
        await pilot.press(*keys)
        await settle(pilot)
        frame = next(line for line in seen(app).split("\n") if "Esc write" in line)
        assert "╰" in frame and "+ good" in frame and "e evidence" in frame
        assert "rank" not in frame, "one answer has nothing to rank"
        await pilot.press(*"ok")
        await settle(pilot)
        assert typed(app) == "ok" and "Esc write" not in seen(app)


async def test_a_click_selects_and_a_key_that_the_answer_lacks_is_typed() -> None:
    app = an_app()
    async with opened(app) as pilot:
        await answered(pilot)
        await pilot.click(AnswerView)
        await settle(pilot)
        assert "Esc write" in seen(app)
        await pilot.press(*"right")  # r ranks drafts, and there is one answer
        assert typed(app) == "right"


async def test_arrows_go_from_entry_to_entry_and_past_the_newest_back_to_writing() -> None:
    app = an_app()
    async with opened(app) as pilot:
        await answered(pilot)
        await pilot.press("shift+tab", "up")
        assert type(app.chat.parts.selected()).__name__ == "SourceView"
        await pilot.press("down", "down")
        assert app.chat.parts.selected() is None and app.chat.parts.composer.editor.has_focus


async def test_letters_that_come_in_one_burst_keep_their_order_wherever_the_focus_is() -> None:
    """A terminal hands over at once what was typed while the app was busy."""
    app = an_app()
    async with opened(app) as pilot:
        await answered(pilot)
        await pilot.press("shift+tab")
        for letter in "zero, then shorter":
            app.post_message(Key(NAMES.get(letter, letter), letter))
        await settle(pilot)
        assert typed(app) == "zero, then shorter"


async def test_what_is_typed_on_the_way_through_the_history_stays_where_it_was_typed() -> None:
    app = an_app()
    async with opened(app) as pilot:
        await answered(pilot, "Maya: Yes.\nTom: No.")
        await pilot.press(*"one", "up")
        assert typed(app) == "Maya: Yes.\nTom: No."
        await pilot.press(*"two", "down")
        assert typed(app) == "one"
        await pilot.press("up")
        assert typed(app) == "Maya: Yes.\nTom: No.two"


def _has_for_a_key(app: AssistantApp, letter: str) -> bool:
    """Whether what can be seen takes the letter: a dialog or a field, or a frame or a panel that names it."""
    if app.screen is not app.chat:
        return not isinstance(app.screen, Reading) or letter == "c"
    focused, panel = app.chat.focused, app.chat.parts.panel
    if isinstance(focused, Input):
        return True
    if focused is not None and panel in focused.ancestors:
        return letter in "dg"
    entry = app.chat.parts.selected()
    return isinstance(entry, EntryView) and letter in _keys_on(entry)


def _keys_on(entry: EntryView) -> set[str]:
    return {words.split(" ")[0] for edge in entry.edges() for _, words in edge}


async def _strike(app: AssistantApp, key: str, letter: str | None) -> None:
    """Press a key, and wait until everybody whom it may concern has dealt with it: a pilot's press sleeps as well."""
    app.post_message(Key(NAMES.get(key, key), letter))
    for _ in range(3):
        focused = app.screen.focused
        for node in (*(focused.ancestors_with_self if focused else ()), app.chat, app.chat.parts.composer.editor, app):
            done = asyncio.Event()
            is_heard = node.call_later(done.set)
            while is_heard and node.is_running and not done.is_set():  # a dialog may close meanwhile
                await asyncio.sleep(0)  # a real sleep costs more than all else: there are some 30 of these for each key


async def _type_at_random(app: AssistantApp, chance: random.Random, keys: int) -> str:
    """Press keys at random; returns the letters that are to be in the composer, sorted."""
    due = ""
    for _ in range(keys):
        if chance.random() < 0.3:
            move = chance.choice(MOVES)
            if move != "tab" or not typed(app).startswith("/"):  # there Tab completes a command
                await _strike(app, move, None)
        else:
            letter = chance.choice(LETTERS)
            due += "" if _has_for_a_key(app, letter) else letter
            await _strike(app, letter, letter)
            if app.chat.editing.editing:  # what was typed is set aside, and Esc brings it back
                await _strike(app, "escape", None)
    return "".join(sorted(due))


async def _check_sequences(count: int, seed: int) -> None:
    app = an_app(ScriptedAssistant("One of them.", "Two of them."), DRAFTS)
    async with opened(app, (100, 30)) as pilot:
        await answered(pilot)
        for number in range(count):
            chance = random.Random(seed + number)
            app.chat.parts.composer.load("")
            app.chat.parts.composer.editor.focus()
            app.chat.parts.composer.history.clear()
            app.chat.parts.composer.remember("")
            await pilot.pause()
            due = await _type_at_random(app, chance, 6)
            for _ in range(MOST_SCREENS):
                if app.screen is not app.chat:
                    await pilot.press("escape")
            assert app.screen is app.chat, f"sequence {seed + number} left {app.screen} open"
            await app.workers.wait_for_complete()
            await pilot.pause()
            assert "".join(sorted(typed(app))) == due, f"sequence {seed + number}"


async def test_random_keys_lose_no_letter() -> None:
    await _check_sequences(60, 0)


@pytest.mark.slow
async def test_many_random_keys_lose_no_letter() -> None:
    await _check_sequences(int(os.environ.get("PARLEY_SEQUENCES", "2000")), 10_000)
