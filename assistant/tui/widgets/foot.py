"""The last line: active keys on the left, and the state of the loop on the right (ratings, pairs, reward, version)."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from assistant.tui.widgets.keys import Keys
from assistant.tui.wording.loop import LoopState, describe_loop

ROOM_FOR_KEYS = 46
"""Cells reserved for the keys, however long the loop's text is."""


class FootLine(Horizontal):
    """Keys on the left, the loop on the right. The loop's text gets shorter if there is little room."""

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
        """Show the state of the loop."""
        self._state = state
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        room = self.size.width - ROOM_FOR_KEYS
        self._loop.update(Content(describe_loop(self._state, room)))
