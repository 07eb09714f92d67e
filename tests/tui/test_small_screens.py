"""Nothing essential is cut at 80x24 and 60x20: on every screen the keys and what has the focus are in view."""

from pathlib import Path

import pytest
from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget
from textual.widgets import OptionList

from assistant.records import Dialogue, Turn
from assistant.tui.app import AssistantApp
from assistant.tui.screens.evidence import EvidenceScreen
from assistant.tui.widgets.controls import Choice
from assistant.tui.widgets.dialog import Dialog
from assistant.tui.widgets.keys import KeyLine, Keys
from tests.tui.scenes import SCENES, app_of
from tests.tui.screens import opened, seen, settle

SIZES = ((80, 24), (60, 20))


def in_view(widget: Widget) -> Region:
    """What of it can be seen, within everything around it."""
    return widget.screen.find_widget(widget).visible_region


@pytest.mark.usefixtures("minilm")
@pytest.mark.parametrize("name", SCENES)
async def test_keys_and_focus_are_in_view(name: str, tiny_model: Path) -> None:
    app = app_of(SCENES[name], str(tiny_model))
    async with opened(app, SIZES[0]) as pilot:
        await SCENES[name].play(pilot)
        app.clear_notifications()
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await settle(pilot)
            _check_keys(app, SCENES[name].keys)
            _check_focus(app)
            _check_rows(app)
            _check_below(app)


async def test_the_message_that_evidence_quotes_is_in_view() -> None:
    turns = [
        ("Ana", "I like tea."),
        *[("Cem", f"Chair {n}.") for n in range(40)],
        ("Ben", "The party moves to Dock Street."),
    ]
    talk = Dialogue(turns=tuple(Turn(speaker=who, text=text) for who, text in turns), format="names")
    app = app_of(SCENES["empty"], "")
    async with opened(app, SIZES[0]) as pilot:
        await app.push_screen(EvidenceScreen("Ana likes tea, and the party moves to Dock Street.", talk))
        await settle(pilot)
        assert "said in message 42" in seen(app) and "42  Ben" in seen(app), seen(app)


def _check_below(app: AssistantApp) -> None:
    """What is shown of the next answer is shown whole, and the composer says how to begin."""
    if app.screen is app.chat:
        for choice in app.chat.parts.controls.query(Choice):
            assert not choice.display or in_view(choice) == choice.region, seen(app)
        editor = app.chat.parts.composer.editor
        assert len(str(editor.placeholder)) <= editor.size.width, seen(app)


def _check_keys(app: AssistantApp, keys: tuple[str, ...]) -> None:
    # That of a digest ends the list in the chat and scrolls with it: the foot says the same.
    lines = [*app.screen.query(Keys), *app.screen.query(KeyLine).exclude("DigestList KeyLine")]
    for line in [line for line in lines if line.is_on_screen]:
        assert in_view(line) == line.region, f"{line} is cut"
    text = " ".join(seen(app).split())
    assert [key for key in keys if key not in text] == [], seen(app)


def _check_rows(app: AssistantApp) -> None:
    """Where something has to scroll, no row of the dialog stays empty."""
    for dialog in app.screen.query(Dialog):
        if any(child.max_scroll_y for child in dialog.children):
            assert dialog.children[-1].region.bottom == dialog.content_region.bottom, seen(app)


def _check_focus(app: AssistantApp) -> None:
    focused = app.screen.focused
    assert focused is None or in_view(focused).area, f"{focused} has the focus out of view"
    for options in app.screen.query(OptionList):
        if options.is_on_screen and options.highlighted is not None:
            prompt = options.get_option_at_index(options.highlighted).prompt
            assert isinstance(prompt, Content)
            begin = prompt.plain.strip().split("\n")[0][:20]
            assert begin in seen(app), f"{begin!r} is chosen out of view"
