"""A picture of every screen and state. Look at a changed picture before accepting it: pytest --snapshot-update."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from assistant.errors import EngineDied, ModelMissing
from assistant.feedback.store import Store
from assistant.records import GenerationSettings
from assistant.settings import ScreenSettings, Settings
from assistant.tui.app import AssistantApp
from assistant.tui.messages import PullMoved
from assistant.tui.notices import Note
from tests.doubles import ScriptedAssistant
from tests.tui.screens import BY_MODEL, STANDUP, an_app, paste, settle, until

Compare = Callable[..., bool]
ANSWER = "Maya moves the review to Friday and Tom books the room. Ana sends the numbers before noon."
NARROW, WIDE, LARGE = (80, 24), (110, 30), (200, 50)
LIGHT = ScreenSettings(theme="parley-light")


async def summarized(pilot: Pilot[None]) -> None:
    await settle(pilot)
    await paste(pilot, STANDUP)
    await pilot.press("enter")
    await settle(pilot)


def test_an_empty_screen(snap_compare: Compare) -> None:
    assert snap_compare(an_app(), terminal_size=WIDE, run_before=settle)


def test_an_empty_light_screen(snap_compare: Compare) -> None:
    assert snap_compare(
        an_app(settings=Settings(summary=BY_MODEL, screen=LIGHT)), terminal_size=WIDE, run_before=settle
    )


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
SAMPLED = Settings(summary=BY_MODEL, generation=GenerationSettings(decoding="sample", drafts=4))


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_four_drafts(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(an_app(ScriptedAssistant(*DRAFTS), SAMPLED), terminal_size=size, run_before=summarized)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_drafts_being_ranked(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await summarized(pilot)
        await press(pilot, "shift+tab", "r", "3", "1", "equals_sign", "4", "f", "e")

    assert snap_compare(an_app(ScriptedAssistant(*DRAFTS), SAMPLED), terminal_size=size, run_before=run)


def test_a_ranked_answer(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await summarized(pilot)
        await press(pilot, "shift+tab", "r", "3", "1", "equals_sign", "4", "f", "2", "enter")

    assert snap_compare(an_app(ScriptedAssistant(*DRAFTS), SAMPLED), terminal_size=WIDE, run_before=run)


def test_unsupported_names_are_marked(snap_compare: Compare, minilm: Path) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await summarized(pilot)
        await press(pilot, "shift+tab", "e")
        await until(pilot, "by words and meaning")

    app = an_app(ScriptedAssistant("Maya meets Zoltan in Paris."))
    assert snap_compare(app, terminal_size=WIDE, run_before=run)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_the_settings(snap_compare: Compare, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.tui.screens.settings.settings_file", lambda: "~/.config/parley/config.toml")
    assert snap_compare(an_app(), terminal_size=size, run_before=lambda pilot: press(pilot, "f2"))


def test_the_chat_list(snap_compare: Compare) -> None:
    with Store.open() as store:
        for title in ("Dentist on Friday", "Refund 2231", "Maya moves the review to Friday and Tom books the room"):
            store.chats.new(title)
        with store.database.writing() as connection:
            connection.execute("UPDATE chats SET updated = '2026-01-02T03:04:05.000000+00:00'")

    assert snap_compare(an_app(), terminal_size=WIDE, run_before=lambda pilot: press(pilot, "ctrl+r"))


def test_the_palette(snap_compare: Compare) -> None:
    assert snap_compare(an_app(), terminal_size=WIDE, run_before=lambda pilot: press(pilot, "ctrl+p"))


async def command(pilot: Pilot[None], line: str) -> None:
    await paste(pilot, line)
    await press(pilot, "enter")


def test_a_large_light_screen_with_ranked_and_scored_drafts(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await summarized(pilot)
        await press(pilot, "shift+tab", "r", "3", "1", "equals_sign", "4", "f", "2", "enter")
        await press(pilot, "shift+tab", "m")

    app = an_app(ScriptedAssistant(*DRAFTS), Settings(summary=BY_MODEL, generation=SAMPLED.generation, screen=LIGHT))
    assert snap_compare(app, terminal_size=LARGE, run_before=run)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_the_panel(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await summarized(pilot)
        await command(pilot, "/words 20")
        await press(pilot, "f9")

    assert snap_compare(an_app(ScriptedAssistant(ANSWER)), terminal_size=size, run_before=run)


def test_the_guideline(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await command(pilot, "/guideline")

    assert snap_compare(an_app(), terminal_size=WIDE, run_before=run)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_a_question_before_it_is_sent(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await summarized(pilot)
        await paste(pilot, "Who books the room?")
        await until(pilot, "ask the conversation")

    assert snap_compare(an_app(ScriptedAssistant(ANSWER)), terminal_size=size, run_before=run)


def test_a_question_and_its_answer(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await summarized(pilot)
        await command(pilot, "Who books the room?")

    assert snap_compare(an_app(ScriptedAssistant("Tom books it.")), terminal_size=WIDE, run_before=run)


def test_a_message_being_changed(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await summarized(pilot)
        await press(pilot, "shift+tab", "shift+tab", "e")
        await until(pilot, "F7 changes")

    assert snap_compare(an_app(ScriptedAssistant(ANSWER)), terminal_size=WIDE, run_before=run)


def test_a_reason_for_a_rating(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await summarized(pilot)
        await press(pilot, "shift+tab", "minus")
        await press(pilot, "minus")

    assert snap_compare(an_app(ScriptedAssistant(ANSWER)), terminal_size=WIDE, run_before=run)


def test_the_log(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.tui.screens.log.log_file", lambda: Path("parley.log"))

    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, AssistantApp)
        app.notes.clear()
        app.notes.append(Note("10:02:03", "information", "Ranked · 2 pairs, 2 in all"))
        app.notes.append(Note("10:04:05", "error", "no command /nothing; F1 lists them"))
        await command(pilot, "/log")

    assert snap_compare(an_app(), terminal_size=WIDE, run_before=run)


def test_an_error_while_writing(snap_compare: Compare) -> None:
    error = EngineDied("the model's process ended twice (SIGKILL): try a smaller model or a shorter text")
    assert snap_compare(an_app(ScriptedAssistant(error=error)), terminal_size=WIDE, run_before=summarized)


def test_a_download(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot)
        pilot.app.post_message(PullMoved("google/flan-t5-base", 310_000_000, 990_000_000, 4e6))
        await settle(pilot)

    assert snap_compare(an_app(), terminal_size=NARROW, run_before=run)


def test_a_kept_chat_with_a_half_written_answer(snap_compare: Compare) -> None:
    with Store.open() as store:
        chat = store.chats.new("Standup")
        store.chats.add_message(chat.id, "conversation", STANDUP)
        store.chats.keep_unfinished(chat.id, "writing", "Maya moves the")

    assert snap_compare(an_app(continue_last=True), terminal_size=WIDE, run_before=settle)


def test_hostile_and_foreign_text(snap_compare: Compare) -> None:
    """Escapes as nothing, right-to-left text, a family of joined emoji, and a flag."""
    family, flag = "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea"
    text = f"Noa: \x1b[31mשלום\x1b[0m, נפגשים ביום שישי?\nAli: نعم \U0001f44d\nZoë: {family} {flag}"

    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await paste(pilot, text)
        await press(pilot, "enter")

    app = an_app(ScriptedAssistant("Noa \x1b]0;owned\x07meets Ali on Friday \U0001f44d"))
    assert snap_compare(app, terminal_size=WIDE, run_before=run)
