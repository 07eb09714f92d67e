"""Helpers that drive the app in tests and read its screen as the user sees it."""

from contextlib import AbstractAsyncContextManager
from typing import Any

from textual.app import App
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input

from assistant.records import GenerationSettings
from assistant.settings import Settings, SummarySettings
from assistant.tui.app import AssistantApp
from tests.doubles import ScriptedAssistant

STANDUP = "\n".join(
    [
        "Maya: The review moves to Friday, is that fine for everybody?",
        "Tom: Fine by me. I'll book the room.",
        "Ana: I can send the numbers before noon.",
    ]
)
BY_MODEL = SummarySettings(task="summary")
"""A model answers, streaming if it can: most tests of screens are about that."""
GREEDY = Settings(generation=GenerationSettings(decoding="greedy"), summary=BY_MODEL)


def an_app(assistant: ScriptedAssistant | None = None, settings: Settings = GREEDY, **options: Any) -> AssistantApp:
    """The app with a scripted assistant, a stopped clock and drafts in order."""
    still: dict[str, Any] = {"clock": lambda: 0.0, "order": range}
    return AssistantApp(settings, assistant=assistant or ScriptedAssistant(), **(still | options))


def seen(app: App[None]) -> str:
    """The text on the screen, line by line."""
    lines = app.screen._compositor.render_strips(app.size)
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


def said(app: App[None]) -> str:
    """The texts of all notifications so far, one per line."""
    assert isinstance(app, AssistantApp)
    return "\n".join(note.sentence for note in app.notes)


def opened(app: AssistantApp, size: tuple[int, int] = (100, 30)) -> AbstractAsyncContextManager[Pilot[None]]:
    """Run the app in a terminal of this many columns and rows, with notifications shown."""
    return app.run_test(size=size, notifications=True)


async def settle(pilot: Pilot[None]) -> None:
    """Wait until the workers have finished and the screen shows their results."""
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    for field in pilot.app.screen.query(Input):
        field.cursor_blink = False  # the cursor of Textual's palette blinks
    await pilot.pause()


async def until(pilot: Pilot[None], text: str) -> None:
    """Wait until the screen or a notification shows the text. Raises AssertionError if it never does.

    Notifications count, since they may disappear between two looks. The wait is long, since other processes may be
    slow.
    """
    for _ in range(600):
        await settle(pilot)
        if text in seen(pilot.app) or text in said(pilot.app):
            return
        await pilot.pause(0.05)
    raise AssertionError(f"{text!r} did not come:\n{seen(pilot.app)}")


async def until_gone(pilot: Pilot[None], text: str) -> None:
    """Wait until the screen no longer shows the text. Raises AssertionError if it stays."""
    for _ in range(600):
        await settle(pilot)
        if text not in seen(pilot.app):
            return
        await pilot.pause(0.05)
    raise AssertionError(f"{text!r} stayed:\n{seen(pilot.app)}")


async def paste(pilot: Pilot[None], text: str) -> None:
    """Paste into the focused widget, as a bracketed paste."""
    focused = pilot.app.screen.focused
    assert focused is not None
    focused.post_message(Paste(text))
    await pilot.pause()
