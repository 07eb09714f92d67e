"""Text from a model, a chat, its title and an error, drawn by the real app: shown as text, never obeyed."""

import re

import pytest
from textual.app import App

from assistant.errors import AssistantError
from assistant.feedback.store import Store
from tests.doubles import ScriptedAssistant
from tests.tui.screens import an_app, opened, paste, settle

_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31mred\u202egnorw\x1b[?1049l"
MARKUP = "[@click=app.quit]Press[/] [link=http://evil.example]me[/link] [bold red]now[/] [/nothing] \\["


def drawn(app: App[None]) -> list[tuple[str, str]]:
    """Every piece of the screen with its style as text."""
    strips = app.screen._compositor.render_strips(app.size)
    return [(segment.text, str(segment.style)) for strip in strips for segment in strip]


def check(app: App[None]) -> str:
    """No control character, no link and no action of a text's own is on the screen; returns its text."""
    pieces = drawn(app)
    assert [text for text, _ in pieces if _CONTROL.search(text)] == []
    assert [text for text, style in pieces if "evil" in style or "app.quit" in style] == []
    return "".join(text for text, _ in pieces)


@pytest.mark.parametrize("text", [ESCAPES, MARKUP, ESCAPES + MARKUP], ids=["escapes", "markup", "both"])
async def test_a_hostile_conversation_and_answer_are_shown_as_text(text: str) -> None:
    assistant = ScriptedAssistant(f"Maya said {text} twice.")
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await paste(pilot, f"Maya{text[:30]}: hello {text}\nTom: fine {text}\nMaya: {text}")
        await settle(pilot)
        check(pilot.app)
        await pilot.press("enter")
        await settle(pilot)
        shown = check(pilot.app)
        assert "twice." in shown
        await pilot.press("ctrl+r")
        await settle(pilot)
        check(pilot.app)
        assert pilot.app.is_running


async def test_a_copied_answer_has_no_escapes() -> None:
    async with opened(an_app(ScriptedAssistant(f"Maya{ESCAPES} agrees."))) as pilot:
        await settle(pilot)
        await paste(pilot, "Maya: hello there\nTom: hello to you")
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("shift+tab", "c")
        await settle(pilot)
        assert pilot.app.clipboard == "Mayaredgnorw agrees."


async def test_a_hostile_title_and_error_are_shown_as_text() -> None:
    with Store.open() as store:
        chat = store.chats.new(f"Title {ESCAPES} {MARKUP}")
        store.chats.add_message(chat.id, "dialogue", f"Maya: {ESCAPES}\nTom: {MARKUP}")
    assistant = ScriptedAssistant(error=AssistantError(f"it failed: {ESCAPES} {MARKUP}"))
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+r")
        await settle(pilot)
        assert "Title" in check(pilot.app)
        await pilot.press("escape")
        await paste(pilot, "Maya: hello there\nTom: hello to you")
        await pilot.press("enter")
        await settle(pilot)
        assert "it failed" in check(pilot.app)
