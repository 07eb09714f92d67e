"""Reading the app's screen in tests: the text that a person would see."""

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
"""A model answers, word by word where it can: most screens are about that."""
GREEDY = Settings(generation=GenerationSettings(decoding="greedy"), summary=BY_MODEL)


def an_app(assistant: ScriptedAssistant | None = None, settings: Settings = GREEDY, **options: Any) -> AssistantApp:
    """The app with a scripted assistant and a clock that stands still."""
    still: dict[str, Any] = {"clock": lambda: 0.0, "order": range}
    return AssistantApp(settings, assistant=assistant or ScriptedAssistant(), **(still | options))


def seen(app: App[None]) -> str:
    """All text on the screen, line by line."""
    lines = app.screen._compositor.render_strips(app.size)
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


def said(app: App[None]) -> str:
    """All that notifications said so far, a line each."""
    assert isinstance(app, AssistantApp)
    return "\n".join(note.sentence for note in app.notes)


def opened(app: AssistantApp, size: tuple[int, int] = (100, 30)) -> AbstractAsyncContextManager[Pilot[None]]:
    """Run the app in a terminal of that many columns and rows, notifications shown."""
    return app.run_test(size=size, notifications=True)


async def settle(pilot: Pilot[None]) -> None:
    """Wait until the workers are done and what they said is on the screen."""
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    for field in pilot.app.screen.query(Input):
        field.cursor_blink = False  # the palette is Textual's own, and its cursor blinks
    await pilot.pause()


async def until(pilot: Pilot[None], text: str) -> None:
    """Wait until the screen shows the text, or a notification said it, which is gone again soon where little time is
    left for the tests: what another process does takes the time that it takes.
    """
    for _ in range(600):
        await settle(pilot)
        if text in seen(pilot.app) or text in said(pilot.app):
            return
        await pilot.pause(0.05)
    raise AssertionError(f"{text!r} did not come:\n{seen(pilot.app)}")


async def until_gone(pilot: Pilot[None], text: str) -> None:
    """Wait until the screen shows the text no more."""
    for _ in range(600):
        await settle(pilot)
        if text not in seen(pilot.app):
            return
        await pilot.pause(0.05)
    raise AssertionError(f"{text!r} stayed:\n{seen(pilot.app)}")


async def paste(pilot: Pilot[None], text: str) -> None:
    """A bracketed paste into whatever has the focus."""
    focused = pilot.app.screen.focused
    assert focused is not None
    focused.post_message(Paste(text))
    await pilot.pause()
