"""What a key does to something that can be seen, a click on it does as well."""

from pathlib import Path

from textual.pilot import Pilot

from assistant.tui.digests.message import MessageScreen
from assistant.tui.screens.evidence import EvidenceScreen
from tests.doubles import ScriptedAssistant
from tests.tui.scenes import DRAFTS, SAMPLED, SCENES, answered, app_of
from tests.tui.screens import an_app, opened, paste, seen, settle


async def click_on(pilot: Pilot[None], words: str) -> None:
    """Click on words that the screen shows, the last of them."""
    await settle(pilot)
    rows = [(row, line.rfind(words)) for row, line in enumerate(seen(pilot.app).split("\n")) if words in line]
    assert rows, f"{words!r} is not on the screen:\n{seen(pilot.app)}"
    row, column = rows[-1]
    await pilot.click(offset=(column, row))
    await settle(pilot)


async def test_the_keys_on_the_frame_of_an_answer_and_of_a_dialog_are_pressed() -> None:
    app = an_app()
    async with opened(app, (120, 40)) as pilot:
        await answered(pilot)
        await click_on(pilot, "books the room")
        await click_on(pilot, "e evidence")
        assert isinstance(app.screen, EvidenceScreen)
        await click_on(pilot, "Esc close")
        assert app.screen is app.chat
        await pilot.press("shift+tab")
        await click_on(pilot, "+ good")
        assert "▲ good" in seen(app)
        await click_on(pilot, "Esc write")
        assert app.chat.parts.selected() is None


async def test_drafts_are_ranked_by_the_mouse_alone() -> None:
    app = an_app(ScriptedAssistant(*DRAFTS), SAMPLED)
    async with opened(app, (120, 44)) as pilot:
        await answered(pilot)
        await click_on(pilot, "4 drafts ·")
        await click_on(pilot, "r rank")
        for name in ("3 · C", "1 · A", "2 · B", "4 · D"):
            await click_on(pilot, name)
        await click_on(pilot, "b ☐ complete")
        await click_on(pilot, "c confidence")
        assert "b ☒ complete" in seen(app) and "confidence: sure" in seen(app)
        assert "3 · C · 1st" in seen(app) and "1 · A · 2nd" in seen(app)
        await click_on(pilot, "Enter save")
        assert app.screen is app.chat and "ranked" in seen(app)


async def test_the_edges_of_the_field_and_the_head_are_pressed() -> None:
    app = an_app()
    async with opened(app, (120, 40)) as pilot:
        await answered(pilot)
        await pilot.press(*"/words", "space", *"20", "enter")
        await click_on(pilot, "resets: 20 words")
        assert app.chat.parts.ask == app.chat.parts.default_ask
        await paste(pilot, "Who orders the coffee?")
        for _ in range(20):
            await pilot.pause(0.1)
            if "F7 changes" in seen(app):
                break
        await click_on(pilot, "F7 changes")
        for _ in range(20):
            await pilot.pause(0.1)
            if "Enter → ask the conversation" not in seen(app):
                break
        assert "Enter → ask the conversation" not in seen(app)


async def test_a_second_click_on_a_part_of_a_digest_opens_its_message(tiny_model: Path) -> None:
    app = app_of(SCENES["digest"], str(tiny_model))
    async with opened(app, (120, 44)) as pilot:
        await answered(pilot)
        await click_on(pilot, "Who orders the coffee?")
        assert app.screen is app.chat and "t put a to-do right" in seen(app)
        await click_on(pilot, "Who orders the coffee?")
        assert isinstance(app.screen, MessageScreen)
