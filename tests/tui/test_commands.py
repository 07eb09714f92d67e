"""The commands that are listed while one is typed after "/"."""

from assistant.tui.commands import COMMANDS
from assistant.tui.widgets.command_menu import fitting
from tests.tui.screens import STANDUP, an_app, opened, paste, seen, settle


def test_commands_that_begin_so_come_before_those_that_speak_of_it() -> None:
    assert fitting("/") == list(COMMANDS)
    names = [command.slash for command in fitting("/mode")]
    assert names[:3] == ["mode", "model", "models"] and "panel" in names, "the panel of modes"
    assert fitting("/drafts 4") == fitting("hello") == fitting("/home/maya") == fitting("/xyzzy") == []


async def test_a_slash_lists_all_with_a_line_each_and_typing_filters() -> None:
    app = an_app()
    async with opened(app, (100, 40)) as pilot:
        await settle(pilot)
        await pilot.press("slash")
        await settle(pilot)
        assert "/new          New chat  ^N" in seen(app) and "↑↓ choose · Tab complete · Enter run" in seen(app)
        await pilot.press(*"the")
        await settle(pilot)
        assert "/theme        Choose a theme" in seen(app) and "/new " not in seen(app)
        await pilot.press("escape")
        await settle(pilot)
        assert "Enter run" not in seen(app) and app.chat.parts.composer.editor.text == "/the"


async def test_tab_completes_and_enter_runs_what_is_marked() -> None:
    app = an_app()
    async with opened(app, (100, 40)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"dra", "tab", *"4", "enter")
        await settle(pilot)
        assert app.chat.parts.ask.settings.drafts == 4
        await pilot.press("slash", *"mode")
        await settle(pilot)
        await pilot.press("down", "enter")
        await settle(pilot)
        assert "Which model answers" in seen(app), "/model is the second"


async def test_enter_right_after_the_letters_runs_what_they_mean() -> None:
    app = an_app()
    async with opened(app, (100, 40)) as pilot:
        await settle(pilot)
        await pilot.press("slash", "down", *"hel", "enter")
        await settle(pilot)
        assert "EVERYWHERE" in seen(app)


async def test_a_click_runs_a_command() -> None:
    app = an_app()
    async with opened(app, (100, 40)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"help")
        await settle(pilot)
        row = next(row for row, line in enumerate(seen(app).split("\n")) if "/help" in line)
        await pilot.click(offset=(10, row))
        await settle(pilot)
        assert "EVERYWHERE" in seen(app)


async def test_a_command_from_the_history_leaves_up_to_the_history() -> None:
    app = an_app()
    async with opened(app) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("slash", *"panel", "enter")
        await settle(pilot)
        await pilot.press("f9", "up", "up")
        await settle(pilot)
        assert app.chat.parts.composer.editor.text == STANDUP
