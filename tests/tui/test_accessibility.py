"""High contrast, no colours where NO_COLOR asks for none, and no meaning by colour alone."""

import os
import pty
import re
import sys
from pathlib import Path

import pytest
from textual.color import Color

from assistant.settings import load_settings
from assistant.tui.app import AssistantApp
from assistant.tui.themes import THEMES
from assistant.tui.widgets.dialog import Dialog
from tests.doubles import ScriptedAssistant
from tests.tui.scenes import DRAFTS, SAMPLED, SCENES, app_of
from tests.tui.screens import STANDUP, an_app, opened, paste, seen, settle

_TUI = Path(__file__).parents[2] / "assistant" / "tui"
_INACTIVE = 40
"""Percent of the foreground for settings that have no say with the present decoding: WCAG exempts what is inactive."""


def _luminance(color: Color) -> float:
    """WCAG 2.1, relative luminance."""
    parts = [part / 255 for part in color.rgb]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_high_contrast_has_at_least_seven_to_one_for_every_colour_of_text() -> None:
    (theme,) = [theme for theme in THEMES if theme.name == "high-contrast"]
    colours = (
        theme.primary,
        theme.secondary,
        theme.accent,
        theme.foreground,
        theme.success,
        theme.warning,
        theme.error,
    )
    background = _luminance(Color.parse(theme.background or ""))
    for colour in colours:
        # WCAG 2.1, success criterion 1.4.6: 7:1 is level AAA.
        assert (_luminance(Color.parse(colour or "")) + 0.05) / (background + 0.05) >= 7, colour


def _contrast(one: Color, other: Color) -> float:
    """WCAG 2.1, contrast ratio."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("name", ["parley-dark", "parley-light"])
def test_text_has_at_least_four_and_a_half_to_one_in_every_theme(name: str) -> None:
    (theme,) = [theme for theme in THEMES if theme.name == name]
    text = [theme.primary, theme.secondary, theme.accent, theme.success, theme.warning, theme.error, theme.foreground]
    dimmed = {
        int(share)
        for path in sorted(_TUI.rglob("*.*"))
        if path.suffix in (".py", ".tcss")
        for share in re.findall(r"\$foreground (\d+)%", path.read_text(encoding="utf-8"))
    } - {_INACTIVE}
    assert dimmed
    for ground in (theme.background, theme.surface, theme.panel):
        below = Color.parse(ground or "")
        shades = [below.blend(Color.parse(theme.foreground or ""), share / 100) for share in sorted(dimmed)]
        for colour in (*(Color.parse(colour or "") for colour in text), *shades):
            # WCAG 2.1, success criterion 1.4.3: 4.5:1 is level AA.
            assert _contrast(colour, below) >= 4.5, (colour.hex, ground)


def _faint(app: AssistantApp, least: float) -> list[tuple[str, float]]:
    """The texts with less contrast than that, in the dialog where one is open: what is behind it is dimmed."""
    dialogs = app.screen.query(Dialog)
    region = dialogs.first().region if dialogs else app.screen.region
    strips = app.screen._compositor.render_strips(app.size)[region.y : region.bottom]
    found = []
    for segment in (segment for strip in strips for segment in strip.crop(region.x, region.right)):
        style = segment.style
        if style and style.color and style.bgcolor and re.search(r"[^\W_]|[•◐?*▸☐]", segment.text):
            colours = (Color(*style.color.get_truecolor()), Color(*style.bgcolor.get_truecolor()))
            found += [(segment.text.strip(), ratio)] if (ratio := _contrast(*colours)) < least else []
    return found


@pytest.mark.parametrize(
    "name", ["empty", "point", "evidence", "ranked", "documents found", "chats", "settings", "title"]
)
async def test_every_text_of_a_scene_can_be_read_in_every_theme(name: str, tiny_model: Path) -> None:
    app = app_of(SCENES[name], str(tiny_model))
    async with opened(app, (120, 40)) as pilot:
        await SCENES[name].play(pilot)
        app.clear_notifications()
        for theme in THEMES:
            app.theme = theme.name
            await settle(pilot)
            assert _faint(app, 7 if theme.name == "high-contrast" else 4.5) == [], theme.name


@pytest.mark.parametrize(("name", "chosen"), [("evidence", "Maya asks Tom"), ("chats", "Plumbing in house")])
async def test_high_contrast_swaps_the_colours_of_the_chosen_row(name: str, chosen: str, tiny_model: Path) -> None:
    app = app_of(SCENES[name], str(tiny_model))
    async with opened(app, (120, 40)) as pilot:
        await SCENES[name].play(pilot)
        app.theme = "high-contrast"
        await settle(pilot)
        segments = [part for strip in app.screen._compositor.render_strips(app.size) for part in strip]
        swapped = [part.text for part in segments if part.style and part.style.reverse]
        assert any(chosen in text for text in swapped), swapped


async def test_the_theme_is_taken_by_its_name_and_kept() -> None:
    app = an_app()
    async with opened(app) as pilot:
        await settle(pilot)
        await paste(pilot, "/theme high-contrast")
        await pilot.press("enter")
        await settle(pilot)
        assert app.theme == "high-contrast"
    assert load_settings().screen.theme == "high-contrast"


def _colours(app: AssistantApp) -> set[tuple[int, int, int]]:
    strips = app.screen._compositor.render_strips(app.size)
    styles = [segment.style for strip in strips for segment in strip if segment.style]
    drawn = [color.get_truecolor() for style in styles for color in (style.color, style.bgcolor) if color]
    return {tuple(color) for color in drawn}  # type: ignore[misc]


async def test_no_color_draws_the_app_in_greys(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, is_grey in (("", False), ("1", True)):
        monkeypatch.setenv("NO_COLOR", value)
        if not value:
            monkeypatch.delenv("NO_COLOR")
        app = an_app()
        async with opened(app) as pilot:
            await settle(pilot)
            assert all(max(color) - min(color) <= 1 for color in _colours(app)) == is_grey


def test_no_color_leaves_the_command_line_without_colours(tmp_path: Path) -> None:
    def told(**environment: str) -> bytes:
        child, terminal = pty.fork()
        if child == 0:
            os.environ.pop("NO_COLOR", None)
            os.environ.update(environment, TERM="xterm-256color")
            os.execv(sys.executable, [sys.executable, "-m", "assistant", "summarize", "--help"])
        text = b""
        try:
            while piece := os.read(terminal, 65536):
                text += piece
        except OSError:  # Linux says so that the other end is closed
            pass
        os.waitpid(child, 0)
        os.close(terminal)
        return text

    colour = re.compile(rb"\x1b\[[0-9;]*3[0-9]")
    assert colour.search(told())
    assert b"summarize" in (grey := told(NO_COLOR="1")) and not colour.search(grey)


async def test_what_differs_and_what_has_no_say_is_signed_and_errors_are_called_so() -> None:
    app = an_app()
    async with opened(app, (120, 40)) as pilot:
        await settle(pilot)
        await paste(pilot, "/words 20")
        await pilot.press("enter", "f9")
        await settle(pilot)
        assert "words              20 *" in seen(app), "this chat's own"
        assert "temperature        (0.7)" in seen(app), "greedy decoding draws nothing"
        await pilot.press("escape")
        await paste(pilot, "/nothing at all")
        await pilot.press("enter")
        await settle(pilot)
        assert "Error" in seen(app)


async def test_the_draft_placed_last_is_signed() -> None:
    app = an_app(ScriptedAssistant(*DRAFTS), SAMPLED)
    async with opened(app, (120, 40)) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("shift+tab", "r", "3", "1")
        await settle(pilot)
        assert "▸ 1 · A · 2nd" in seen(app) and "3 · C · 1st" in seen(app)
