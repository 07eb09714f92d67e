"""The last line: the keys that count now, and on the right where the loop stands: ratings, pairs, reward, version."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from assistant.tui.widgets.keys import Keys
from assistant.tui.wording.loop import LoopState, describe_loop

ROOM_FOR_KEYS = 46
"""Cells that the keys keep however long the loop's line is."""


class FootLine(Horizontal):
    """Keys left, the loop right; the loop's line gets shorter where there is little room."""

    DEFAULT_CSS = """
    FootLine {
        height: 1;
        padding: 0 0 0 1;
        .loop { width: auto; padding: 0 2; color: $foreground 70%; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._loop = Static(classes="loop", markup=False)
        self._state = LoopState()

    def compose(self) -> ComposeResult:
        yield Keys()
        yield self._loop

    def show_loop(self, state: LoopState) -> None:
        """Where the loop stands."""
        self._state = state
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        room = self.size.width - ROOM_FOR_KEYS
        self._loop.update(Content(describe_loop(self._state, room)))
