"""A command changes what it says, for this chat alone; the head says what differs, and one key takes it back."""

from tests.doubles import ScriptedAssistant
from tests.tui.screens import STANDUP, an_app, opened, paste, seen, settle


async def test_one_draft_after_four_is_drawn_as_before() -> None:
    assistant = ScriptedAssistant("One.", "Two.", "Three.", "Four.")
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await pilot.press(*"/drafts", "space", "4", "enter")
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press(*"/drafts", "space", "1", "enter")
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
    several, one = (ask.settings for _, ask in assistant.asked)
    assert (several.drafts, several.decoding) == (4, "sample")
    assert (one.drafts, one.decoding) == (1, "greedy")


async def test_the_head_says_what_differs_and_a_key_takes_it_back() -> None:
    app = an_app()
    async with opened(app) as pilot:
        await settle(pilot)
        assert "resets" not in seen(app)
        await pilot.press(*"/drafts", "space", "4", "enter", *"/mode", "space", *"few-shot", "enter")
        await settle(pilot)
        assert "^O resets: mode few-shot · 4 drafts" in seen(app).split("\n")[0]
        await pilot.press("ctrl+o")
        await settle(pilot)
        assert app.chat.parts.ask == app.chat.parts.default_ask and "resets" not in seen(app)


async def test_a_new_chat_is_asked_as_the_settings_say() -> None:
    app = an_app()
    async with opened(app) as pilot:
        await settle(pilot)
        await pilot.press(*"/drafts", "space", "4", "enter", "ctrl+n")
        await settle(pilot)
        assert app.chat.parts.ask == app.chat.parts.default_ask and "1 draft " in seen(app)
