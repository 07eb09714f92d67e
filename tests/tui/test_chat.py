"""The conversation screen by its keys: what a person pastes, presses and then sees."""

import asyncio
import gc
import weakref
from inspect import signature
from typing import Any

from textual.widgets import OptionList, TextArea

from assistant.engine.protocol import Loaded
from assistant.errors import EngineDied, ModelMissing
from assistant.records import GenerationSettings
from assistant.settings import Settings
from assistant.tui.widgets.composer import Composer
from assistant.tui.widgets.keys import Keys
from assistant.tui.widgets.transcript.answer import AnswerView
from tests.doubles import ScriptedAssistant
from tests.tui.screens import BY_MODEL, STANDUP, an_app, opened, paste, said, seen, settle


async def test_a_pasted_conversation_is_summarized_on_enter() -> None:
    assistant = ScriptedAssistant("Maya moves the review to Friday.")
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        screen = seen(pilot.app)
        assert "conversation · 3 turns · 3 speakers" in screen
        assert "Maya moves the review to Friday." in screen
        assert "6 words · zero-shot · pocket · 0.8 s" in screen
    assert [turn.speaker for turn in assistant.asked[0][0].turns] == ["Maya", "Tom", "Ana"]


async def test_the_foot_shows_the_keys_of_what_has_the_focus_and_help_however_narrow() -> None:
    async with opened(an_app(), (60, 24)) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        foot = seen(pilot.app).split("\n")[-1]
        assert "Enter Send" in foot and "F1 Help" in foot and "^Q Quit" in foot
        await pilot.press("shift+tab")
        await settle(pilot)
        foot = seen(pilot.app).split("\n")[-1]
        assert "+ Good" in foot and "^Q Quit" in foot and "F1 Help" in foot and "Send" not in foot


async def test_a_click_on_a_key_at_the_foot_presses_it() -> None:
    async with opened(an_app()) as pilot:
        await settle(pilot)
        foot = seen(pilot.app).split("\n")[-1]
        await pilot.click(Keys, offset=(foot.index("F1") - 1, 0))
        await settle(pilot)
        assert "IN A CHAT" in pilot.app.screen.query_one(TextArea).text


async def test_a_page_that_was_closed_is_let_go() -> None:
    async with opened(an_app()) as pilot:
        await settle(pilot)
        await pilot.press("f1")
        await settle(pilot)
        page = weakref.ref(pilot.app.screen.query_one(TextArea))
        pilot.app.theme = "textual-light"
        await settle(pilot)
        assert page() is not None
        await pilot.press("escape")
        for key in ("f1", "escape"):  # Textual keeps what was focused or drawn last
            await pilot.press(key)
            await settle(pilot)
        gc.collect()
        assert page() is None


async def test_an_answer_is_read_while_it_is_written() -> None:
    assistant = ScriptedAssistant("Maya moves the review to Friday.", hold_after=3)
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await asyncio.sleep(0.1)
        await pilot.pause()
        screen = seen(pilot.app)
        assert "Maya moves the" in screen
        assert "review to Friday." not in screen.replace("The review moves to Friday", "")
        assert "writing" in screen
        assistant.go.set()
        await settle(pilot)
        assert "Maya moves the review to Friday." in seen(pilot.app)


async def test_escape_stops_the_answer_and_keeps_what_was_written() -> None:
    assistant = ScriptedAssistant("Maya moves the review to Friday.", hold_after=3)
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await asyncio.sleep(0.1)
        await pilot.press("escape")
        await settle(pilot)
        screen = seen(pilot.app)
        assert "Maya moves the" in screen
        assert "cancelled" in screen


async def test_escape_stops_a_beam_search_which_leaves_nothing() -> None:
    settings = Settings(summary=BY_MODEL, generation=GenerationSettings(decoding="beam"))
    async with opened(an_app(ScriptedAssistant(hold_after=1), settings)) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await asyncio.sleep(0.05)
        await pilot.press("escape")
        await settle(pilot)
        assert "stopped; this text could not be kept" in seen(pilot.app)
        assert not pilot.app._notifications


async def test_a_request_waits_for_the_model_and_then_goes_ahead() -> None:
    assistant = ScriptedAssistant("Maya moves it.", hold_loading=True)
    async with opened(an_app(assistant)) as pilot:
        await pilot.pause()
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await pilot.pause()
        assert "waiting for the model" in seen(pilot.app)
        assistant.go.set()
        await asyncio.sleep(0.05)
        await settle(pilot)
        assert "Maya moves it." in seen(pilot.app)


async def test_a_missing_model_is_said_with_what_to_do() -> None:
    assistant = ScriptedAssistant(load_error=ModelMissing("no model here: run assistant models pull"))
    async with opened(an_app(assistant), (120, 30)) as pilot:
        await settle(pilot)
        screen = seen(pilot.app)
        assert "no model here: run assistant models pull" in screen
        assert "no model: press F6 to choose one" in screen


async def test_an_error_while_writing_is_said_and_the_next_request_works() -> None:
    assistant = ScriptedAssistant("Maya moves it.", error=EngineDied("the model's process ended twice"))
    async with opened(an_app(assistant), (120, 40)) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        assert seen(pilot.app).count("the model's process ended twice") == 2, "in the transcript and as a notification"
        assistant._error = None
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        assert "Maya moves it." in seen(pilot.app)


async def test_a_second_request_is_refused_while_one_runs() -> None:
    assistant = ScriptedAssistant("Maya moves it.", hold_after=1)
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await pilot.pause()
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await pilot.pause()
        assert "An answer is being written" in seen(pilot.app)
        assert pilot.app.screen.query_one(Composer).whole_text == STANDUP, "what was typed stays"
        assistant.go.set()
        await settle(pilot)
    assert len(assistant.asked) == 1


async def test_the_mode_picker_changes_how_the_next_answer_is_asked() -> None:
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await pilot.press("f3")
        await pilot.pause()
        assert pilot.app.screen.query_one(OptionList).option_count == 4
        await paste(pilot, "few")
        await pilot.press("enter")
        await settle(pilot)
        assert "few-shot ▾" in seen(pilot.app)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
    assert assistant.asked[0][1].mode == "few-shot"


async def test_the_model_picker_loads_the_model_chosen_or_typed() -> None:
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await pilot.press("f6")
        await pilot.pause()
        await paste(pilot, "v7-x")
        await pilot.press("enter")
        await settle(pilot)
        assert "v7-x · ctranslate" in seen(pilot.app)
    assert assistant.models == [None, "v7-x"]


async def test_a_model_that_is_not_here_is_offered_for_download() -> None:
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await pilot.press(*"/model", "space", *"org/absent", "enter")
        await settle(pilot)
        assert "Download org/absent?" in seen(pilot.app)
        await pilot.press("escape")
        await settle(pilot)
        assert "pocket · ctranslate" in seen(pilot.app)
    assert assistant.models == [None]


async def test_what_answered_goes_on_where_another_model_cannot_be_had() -> None:
    class Picky(ScriptedAssistant):
        def load(self, ref: str | None = None, *others: Any, **named: Any) -> Loaded:
            if ref:
                raise ModelMissing(f"no model {ref}")
            return super().load(ref, *others, **named)

    async with opened(an_app(Picky("Maya moves it."))) as pilot:
        await settle(pilot)
        await pilot.press(*"/model", "space", *"v9", "enter")
        await settle(pilot)
        assert "no model v9" in said(pilot.app) and "pocket · ctranslate" in seen(pilot.app)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        assert "Maya moves it." in seen(pilot.app)


async def test_slash_commands_do_what_the_pickers_do() -> None:
    async with opened(an_app(), (120, 30)) as pilot:
        await settle(pilot)
        await paste(pilot, "/task topic")
        await pilot.press("enter")
        await paste(pilot, "/drafts 4")
        await pilot.press("enter")
        await settle(pilot)
        screen = seen(pilot.app)
        assert "topic ▾" in screen
        assert "4 drafts ▾" in screen
        assert "sample ▾" in screen, "several drafts are sampled"
        await paste(pilot, "/mode nonsense")
        await pilot.press("enter")
        await settle(pilot)
        assert "no mode called 'nonsense'" in seen(pilot.app)
        await paste(pilot, "/nothing")
        await pilot.press("enter")
        await settle(pilot)
        assert "no command /nothing" in seen(pilot.app)


async def test_p_shows_the_exact_prompt_of_the_focused_answer() -> None:
    async with opened(an_app(), (120, 30)) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("shift+tab", "p")
        await settle(pilot)
        screen = seen(pilot.app)
        assert "The exact prompt" in screen
        assert "#Person1#: The review moves" in screen, "pocket reads tags for names"
        assert "Summarize the following conversation." in screen
        await pilot.press("escape")
        await settle(pilot)
        assert "The exact prompt" not in seen(pilot.app)


async def test_g_asks_again_and_draws_at_random_where_the_same_settings_would_repeat() -> None:
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("shift+tab", "g")
        await settle(pilot)
        assert len(pilot.app.screen.query(AnswerView)) == 2
    assert [ask.settings.decoding for _, ask in assistant.asked] == ["greedy", "sample"]


async def test_c_copies_the_answer() -> None:
    async with opened(an_app(ScriptedAssistant("Maya moves it."))) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("shift+tab", "c")
        await pilot.pause()
        assert pilot.app.clipboard == "Maya moves it."


async def test_terminal_escapes_in_pastes_and_answers_never_reach_the_screen() -> None:
    assistant = ScriptedAssistant("Maya \x1b[31mmoves\x1b]0;owned\x07 it\x9b2J.\x00")
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await paste(
            pilot, "Ma\x1b[2Jya: Hello\x1b]52;c;AAAA\x07 [bold]there[/bold] \u202eevil\nTom: [/] [@click=app.quit]x[/]"
        )
        assert not set(pilot.app.screen.query_one(Composer).whole_text) & {"\x1b", "\x07", "\u202e"}
        await pilot.press("enter")
        await settle(pilot)
        screen = seen(pilot.app)
    assert "Maya moves it." in screen
    assert "Maya: Hello [bold]there[/bold] evil" in screen, "markup is text"
    assert "[@click=app.quit]x[/]" in screen
    assert not set(screen) & {"\x1b", "\x9b", "\x07", "\x00", "\u202e"}


async def test_right_to_left_text_and_emoji_are_shown_as_they_are() -> None:
    text = "שרה: נפגשים ביום שישי\nعلي: حسنا 👩‍👩‍👧 🎉"
    async with opened(an_app(ScriptedAssistant("שרה ועלי נפגשים 🎉"))) as pilot:
        await settle(pilot)
        await paste(pilot, text)
        await pilot.press("enter")
        await settle(pilot)
        screen = seen(pilot.app)
    assert "שרה ועלי נפגשים 🎉" in screen
    assert "נפגשים ביום שישי" in screen


async def test_every_command_of_the_table_is_an_action_that_exists() -> None:
    from assistant.tui.commands import COMMANDS

    app = an_app()
    async with opened(app):
        for command in COMMANDS:
            owner, _, name = command.action.partition(".")
            if owner in ("app", "screen"):
                assert hasattr(app if owner == "app" else app.chat, f"action_{name}"), command.slash
            else:
                takes = [argument for argument in (command.takes,) if argument]
                signature(getattr(getattr(app.chat, owner), name)).bind(*takes)
        for widget in app.chat.walk_children():
            for _, binding in widget._bindings:
                owner, _, name = binding.action.partition("(")[0].partition(".")
                assert owner != "screen" or hasattr(app.chat, f"action_{name}"), binding.action


async def test_keys_can_be_changed_in_the_settings() -> None:
    settings = Settings(
        summary=BY_MODEL,
        generation=GenerationSettings(decoding="greedy"),
        keys={"mode": "f9", "send": "ctrl+s"},
    )
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant, settings)) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert len(assistant.asked) == 1
        await pilot.press("f9")
        await pilot.pause()
        assert "How to ask" in seen(pilot.app)


async def test_f1_lists_every_command() -> None:
    from assistant.tui.commands import COMMANDS
    from assistant.tui.screens.text import TextScreen

    async with opened(an_app(), (120, 50)) as pilot:
        await settle(pilot)
        await pilot.press("f1")
        await settle(pilot)
        assert isinstance(pilot.app.screen, TextScreen)
        assert all(f"/{command.slash} " in pilot.app.screen._text for command in COMMANDS)


async def test_the_palette_runs_what_it_lists() -> None:
    async with opened(an_app()) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p")
        await settle(pilot)
        await paste(pilot, "prompting mode")
        await asyncio.sleep(0.3)
        await pilot.press("enter")
        await settle(pilot)
        assert "How to ask" in seen(pilot.app)
