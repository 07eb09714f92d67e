"""A text to read in full: the exact prompt, the guideline, the help."""

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from assistant.terminal import printable
from assistant.tui.widgets.dialog import Dialog, DialogScreen
from assistant.tui.widgets.keys import KeyLine
from assistant.tui.widgets.page import Page


class Reading(DialogScreen[None]):
    """A text over the chat. A letter without a binding closes it and is typed in the composer, which the app does."""


class TextScreen(Reading):
    """Shows a text: arrows scroll, `c` copies all of it, Esc closes."""

    BINDINGS = [("escape", "close", "Close"), ("c", "copy", "Copy")]

    def __init__(self, title: str, text: str, about: str = "") -> None:
        super().__init__()
        self._title = title
        self._text = printable(text)
        self._about = about

    def compose(self) -> ComposeResult:
        with Dialog(classes="-wide"):
            yield Static(Content(self._title), classes="heading")
            yield Page(self._text, compact=True)
            yield KeyLine(("c", "copy"), ("escape", "close"), about=self._about)

    def show_text(self, text: str) -> None:
        """Replace the text."""
        self._text = printable(text)
        self.query_one(Page).load_text(self._text)

    def on_mount(self) -> None:
        self.query_one(Page).focus()

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._text)
        self.notify("Copied.")

    def action_close(self) -> None:
        self.dismiss(None)
