"""The keys that count now, on one line: each with its word, a click does the same."""

from textual.binding import Binding
from textual.content import Content
from textual.events import Click
from textual.screen import Screen
from textual.style import Style
from textual.widgets import Static

GAP = 2
LAST = ("help", "quit")
"""The ids of the keys that are shown whatever else has no room."""


class Keys(Static):
    """Those of the focused widget first. Keys without room are left out, help and quit are not.

    One widget with one line: Textual's footer makes a dozen new ones whenever the focus moves.
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

    def on_click(self, event: Click) -> None:
        if key := event.style.meta.get("key"):
            self.app.simulate_key(key)

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
            parts += [label.stylize(Style.from_meta({"key": binding.key})), Content(" " * GAP)]
        self.update(Content("").join(parts))


def _cells(binding: Binding, key: str, description: str) -> int:
    return len(key) + 1 + len(description) + GAP
