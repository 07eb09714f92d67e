"""A place in a document, with the text around it."""

from pathlib import PurePath

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from assistant.terminal import one_line, printable
from assistant.tui.messages import Source
from assistant.tui.screens.text import Reading
from assistant.tui.widgets.dialog import Dialog
from assistant.tui.widgets.keys import KeyLine

AROUND = 4_000
"""Characters shown before and after the place."""


class PassageScreen(Reading):
    """Shows the document's text around the marked place; `c` copies the place, Esc closes."""

    BINDINGS = [("escape", "close", "Close"), ("c", "copy", "Copy")]

    def __init__(self, source: Source, text: str) -> None:
        super().__init__()
        self._source = source
        self._before = printable(text[max(0, source.start - AROUND) : source.start])
        self._place = printable(text[source.start : source.end])
        self._after = printable(text[source.end : source.end + AROUND])

    def compose(self) -> ComposeResult:
        page = f" · page {self._source.page}" if self._source.page is not None else ""
        page += f" · {one_line(self._source.place)}" if self._source.place else ""
        folder = one_line(str(PurePath(self._source.document).parent))
        with Dialog(classes="-wide"):
            yield Static(Content(one_line(PurePath(self._source.document).name) + page), classes="heading")
            with VerticalScroll(can_focus=True, classes="context"):
                yield Static(Content(self._before.lstrip()), markup=False)
                yield Static(Content(self._place).stylize("bold $accent"), markup=False, id="place")
                yield Static(Content(self._after.rstrip()), markup=False)
            span = f"characters {self._source.start}-{self._source.end}"
            yield KeyLine(("c", "copy"), ("escape", "close"), about=f"{folder} · {span}")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self.call_after_refresh(self._show_place)

    def _show_place(self) -> None:
        self.query_one("#place").scroll_visible(animate=False, top=True)

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._place)
        self.notify("Copied.")

    def action_close(self) -> None:
        self.dismiss(None)
