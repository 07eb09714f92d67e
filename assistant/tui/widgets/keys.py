"""Clickable key hints, at the foot of a screen and in dialogs. A click does the same as the key."""

from textual.app import App
from textual.binding import Binding
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.screen import Screen
from textual.style import Style
from textual.widgets import Static

from assistant.tui.commands import show_key

GAP = 2
BETWEEN = " · "
LAST = ("help", "quit")
"""Ids of the keys that are always shown, however little room there is."""

Hint = tuple[str, str]
"""A key by Textual's name ("" if there is no single key), and what it does."""


def pressing(key: str, words: Content | str) -> Content:
    """Words that press the key when clicked."""
    return Content.assemble(words).stylize(Style.from_meta({"key": key}))


def press_clicked(app: App[object], event: Click) -> bool:
    """Press the key of the clicked words; False if they have none."""
    key = event.style.meta.get("key")
    if key:
        event.stop()
        app.simulate_key(key)
    return bool(key)


class PressLine(Static):
    """A text with clickable keys."""

    def on_click(self, event: Click) -> None:
        press_clicked(self.app, event)


class KeyLine(PressLine):
    """The keys of a dialog, after an optional note on its content: "Enter save · Esc later"."""

    DEFAULT_CSS = """
    KeyLine { color: $foreground 70%; height: auto; }
    """

    def __init__(self, *hints: Hint, about: str = "") -> None:
        super().__init__(markup=False, classes="hint")
        self._hints: tuple[Hint, ...] = hints
        self._about = about

    def show(self, *hints: Hint, about: str = "") -> None:
        """Show other keys, or another note on lines above them."""
        self._hints, self._about = hints, about
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render(self) -> Content:
        return Content("\n").join(self._lines(self.size.width))

    def _lines(self, width: int) -> list[Content]:
        """Break lines only between keys."""
        lines = Content(self._about).wrap(width) if self._about else []
        room = 0
        for key, word in self._hints:
            hint = pressing(key, f"{show_key(key)} {word}") if key else Content(word)
            room -= len(hint) + len(BETWEEN)
            if room < 0:
                lines.append(hint)
                room = width - len(hint)
            else:
                lines[-1] = Content(BETWEEN).join([lines[-1], hint])
        return lines


class Keys(PressLine):
    """The active keys on one line, the focused widget's first. Keys that do not fit are left out, except help and quit.

    This is one widget with one line: Textual's footer creates a dozen widgets whenever the focus moves.
    """

    DEFAULT_CSS = """
    Keys { height: 1; width: 1fr; text-wrap: nowrap; text-overflow: clip; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._shown: list[Binding] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._change)

    def on_resize(self) -> None:
        self._draw()

    def _change(self, screen: Screen[object]) -> None:
        if screen is self.screen:
            active = [found.binding for found in screen.active_bindings.values() if found.binding.show]
            self._shown = list({binding.action: binding for binding in reversed(active)}.values())[::-1]
            self._draw()

    def _draw(self) -> None:
        words = [(binding, self.app.get_key_display(binding), binding.description) for binding in self._shown]
        room = self.size.width
        kept = [word for word in words if word[0].id in LAST]
        room -= sum(_cells(*word) for word in kept)
        for place, word in enumerate(word for word in words if word[0].id not in LAST):
            room -= _cells(*word)
            if room < 0:
                break
            kept.insert(place, word)
        parts: list[Content] = []
        for binding, key, description in kept:
            label = Content.assemble((key, "$accent bold"), f" {description}")
            parts += [pressing(binding.key, label), Content(" " * GAP)]
        self.update(Content("").join(parts))


def _cells(binding: Binding, key: str, description: str) -> int:
    return len(key) + 1 + len(description) + GAP
