"""A conversation in the transcript: a line with its length, and the turns one key away."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from assistant.records import Dialogue
from assistant.terminal import printable
from assistant.tui.input.reading import describe, write_dialogue
from assistant.tui.widgets.page import Page
from assistant.tui.widgets.transcript.sent import SentView

SHOWN_TURNS = 4
"""A conversation of at most this many turns is shown open."""


class SourceView(SentView):
    """A folded conversation; Enter or a click opens and folds it."""

    DEFAULT_CSS = """
    SourceView {
        .turns { display: none; height: auto; }
        TextArea { max-height: 16; border: none; padding: 0; background: transparent; }
        .label { color: $secondary; }
        &.-open .turns { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open_or_fold", "Open or fold", priority=True)]

    is_open: reactive[bool] = reactive(False, toggle_class="-open")

    def __init__(self, dialogue: Dialogue, text: str = "", message: str = "") -> None:
        super().__init__(text or write_dialogue(dialogue), message)
        self.dialogue = dialogue
        self._label = Static(classes="label", markup=False)
        self._turns: Static | Page | None = None

    def compose(self) -> ComposeResult:
        yield self._label

    def can(self, command: str) -> bool:
        return command != "rename" or self.dialogue.has_speakers

    def on_mount(self) -> None:
        super().on_mount()
        self.is_open = len(self.dialogue.turns) <= SHOWN_TURNS

    def watch_is_open(self, is_open: bool) -> None:
        arrow = "▾" if is_open else "▸"
        self._label.update(Content(f"{arrow} {describe(self.dialogue)}"))
        if is_open and self._turns is None:
            # Mounted only now, so that a long conversation costs nothing until it is opened.
            self._turns = self._show_turns(printable(write_dialogue(self.dialogue)))
            self.mount(self._turns)

    def _show_turns(self, text: str) -> Static | Page:
        """Few turns as plain text; many in a scrolling area, which takes ten times as long to mount."""
        if len(self.dialogue.turns) <= SHOWN_TURNS:
            return Static(Content(text), classes="turns", markup=False)
        return Page(text, classes="turns")

    async def replace(self, dialogue: Dialogue) -> None:
        """Show a changed conversation, or one with other names, in place of this one."""
        self.dialogue, self.text = dialogue, write_dialogue(dialogue)
        if self._turns is not None:
            await self._turns.remove()
            self._turns = None
        self.watch_is_open(self.is_open)

    def action_open_or_fold(self) -> None:
        self.is_open = not self.is_open

    def on_click(self, event: events.Click) -> None:
        if event.widget is self._label:
            self.action_open_or_fold()
