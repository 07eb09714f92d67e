"""A text to read in full: the exact prompt, the guideline, help."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from assistant.terminal import printable


class TextScreen(ModalScreen[None]):
    """Shows a text; arrows scroll, `c` copies all of it, Esc closes."""

    BINDINGS = [("escape,q", "close", "Close"), ("c", "copy", "Copy")]

    def __init__(self, title: str, text: str, about: str = "") -> None:
        super().__init__()
        self._title = title
        self._text = printable(text)
        self._about = about

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide"):
            yield Static(Content(self._title), classes="heading")
            yield TextArea(self._text, read_only=True, show_cursor=False, highlight_cursor_line=False, compact=True)
            yield Static(Content(f"{self._about}   c copy · Esc close".strip()), classes="hint")

    def show_text(self, text: str) -> None:
        """Another text in its place."""
        self._text = printable(text)
        self.query_one(TextArea).load_text(self._text)

    def on_mount(self) -> None:
        area = self.query_one(TextArea)
        area.cursor_blink = False
        area.focus()

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._text)
        self.notify("Copied.")

    def action_close(self) -> None:
        self.dismiss(None)
