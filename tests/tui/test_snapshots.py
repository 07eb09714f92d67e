"""A picture of every screen and state. Look at a changed picture before accepting it: pytest --snapshot-update."""

import asyncio
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from assistant.errors import ModelMissing
from assistant.feedback.store import Store
from assistant.records import GenerationSettings
from assistant.settings import ScreenSettings, Settings
from tests.doubles import ScriptedAssistant
from tests.tui.screens import STANDUP, an_app, paste, settle

Compare = Callable[..., bool]
ANSWER = "Maya moves the review to Friday and Tom books the room. Ana sends the numbers before noon."
NARROW, WIDE = (80, 24), (110, 30)


async def summarized(pilot: Pilot[None]) -> None:
    await settle(pilot)
    await paste(pilot, STANDUP)
    await pilot.press("enter")
    await settle(pilot)


def test_an_empty_screen(snap_compare: Compare) -> None:
    assert snap_compare(an_app(), terminal_size=WIDE, run_before=settle)


def test_an_empty_light_screen(snap_compare: Compare) -> None:
    light = Settings(screen=ScreenSettings(theme="parley-light"))
    assert snap_compare(an_app(settings=light), terminal_size=WIDE, run_before=settle)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_a_summary(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(an_app(ScriptedAssistant(ANSWER)), terminal_size=size, run_before=summarized)


def test_a_summary_being_written(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await asyncio.sleep(0.3)
        await pilot.pause()

    app = an_app(ScriptedAssistant(ANSWER, hold_after=7))
    assert snap_compare(app, terminal_size=WIDE, run_before=run)


def test_a_long_paste_is_folded(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await paste(pilot, "\n".join(f"{'Maya' if n % 2 else 'Tom'}: This is turn {n}." for n in range(214)))
        await asyncio.sleep(0.4)
        await settle(pilot)

    assert snap_compare(an_app(), terminal_size=NARROW, run_before=run)


def test_a_missing_model(snap_compare: Compare) -> None:
    error = ModelMissing(
        "no model named google/flan-t5-base on this machine: assistant models pull google/flan-t5-base"
    )
    assert snap_compare(an_app(ScriptedAssistant(load_error=error)), terminal_size=WIDE, run_before=settle)


async def press(pilot: Pilot[None], *keys: str) -> None:
    await settle(pilot)
    await pilot.press(*keys)
    await settle(pilot)


def test_the_mode_picker(snap_compare: Compare) -> None:
    assert snap_compare(an_app(), terminal_size=NARROW, run_before=lambda pilot: press(pilot, "f3"))


def test_the_help(snap_compare: Compare) -> None:
    assert snap_compare(an_app(), terminal_size=(110, 44), run_before=lambda pilot: press(pilot, "f1"))


def test_the_exact_prompt(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await summarized(pilot)
        await press(pilot, "shift+tab", "p")

    assert snap_compare(an_app(ScriptedAssistant(ANSWER)), terminal_size=WIDE, run_before=run)


DRAFTS = (
    "Maya moves the review to Friday and Tom books the room.",
    "Tom and Maya talk about a review.",
    "The review moves to Friday; Tom books the room, Ana sends the numbers before noon.",
    "Tom flies to Paris on Friday.",
)
SAMPLED = Settings(generation=GenerationSettings(decoding="sample", drafts=4))


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_four_drafts(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(an_app(ScriptedAssistant(*DRAFTS), SAMPLED), terminal_size=size, run_before=summarized)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_drafts_being_ranked(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await summarized(pilot)
        await press(pilot, "r", "3", "1", "equals_sign", "4", "f", "e")

    assert snap_compare(an_app(ScriptedAssistant(*DRAFTS), SAMPLED), terminal_size=size, run_before=run)


def test_a_ranked_answer(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await summarized(pilot)
        await press(pilot, "r", "3", "1", "equals_sign", "4", "f", "2", "enter")

    assert snap_compare(an_app(ScriptedAssistant(*DRAFTS), SAMPLED), terminal_size=WIDE, run_before=run)


def test_unsupported_names_are_marked(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await summarized(pilot)
        await press(pilot, "shift+tab", "e")

    app = an_app(ScriptedAssistant("Maya meets Zoltan in Paris."))
    assert snap_compare(app, terminal_size=WIDE, run_before=run)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_the_settings(snap_compare: Compare, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.tui.screens.settings.settings_file", lambda: "~/.config/parley/config.toml")
    assert snap_compare(an_app(), terminal_size=size, run_before=lambda pilot: press(pilot, "f2"))


def test_the_chat_list(snap_compare: Compare) -> None:
    with Store.open() as store:
        for title in ("Dentist on Friday", "Refund 2231", "Maya moves the review to Friday and Tom books the room"):
            store.new_chat(title)
        with store.writing() as connection:
            connection.execute("UPDATE chats SET updated = '2026-01-02T03:04:05.000000+00:00'")

    assert snap_compare(an_app(), terminal_size=WIDE, run_before=lambda pilot: press(pilot, "ctrl+r"))


def test_the_palette(snap_compare: Compare) -> None:
    assert snap_compare(an_app(), terminal_size=WIDE, run_before=lambda pilot: press(pilot, "ctrl+p"))
