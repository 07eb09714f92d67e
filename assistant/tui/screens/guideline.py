"""The guideline for ratings, to read and edit. Judgements note its version, which changes with every word."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from assistant.errors import AssistantError
from assistant.feedback.guideline import Guideline, guideline_file, load_guideline, save_guideline
from assistant.terminal import printable
from assistant.tui.widgets.dialog import Dialog, DialogScreen
from assistant.tui.widgets.keys import KeyLine
from assistant.tui.widgets.page import Page


class GuidelineScreen(DialogScreen[Guideline | None]):
    """Shows the guideline; `e` edits it, Ctrl+S saves it as the user's copy. Returns the saved guideline, if any."""

    BINDINGS = [
        Binding("escape", "close", "Close"),
        Binding("e", "edit", "Edit"),
        Binding("ctrl+s", "save", "Save", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._guideline = load_guideline()
        self._saved: Guideline | None = None
        self._was_warned = False
        self._area = Page(printable(self._guideline.text), compact=True)
        self._keys = KeyLine()

    def compose(self) -> ComposeResult:
        with Dialog(classes="-wide"):
            yield Static(Content("How to judge"), classes="heading")
            yield self._area
            yield self._keys

    def on_mount(self) -> None:
        self._area.focus()
        self._show_keys()

    def action_edit(self) -> None:
        self._area.read_only = False
        self._area.show_cursor = True
        self._show_keys()

    def action_save(self) -> None:
        if self._area.read_only:
            return
        try:
            self._guideline = self._saved = save_guideline(self._area.text)
        except (AssistantError, OSError) as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self._area.read_only = True
        self._area.show_cursor = False
        self._show_keys()

    def action_close(self) -> None:
        is_changed = not self._area.read_only and self._area.text.strip() != self._guideline.text
        if is_changed and not self._was_warned:
            self._was_warned = True
            self.notify("Press Ctrl+S to save your changes, or Esc again to discard them.", severity="warning")
            return
        self.dismiss(self._saved)

    def _show_keys(self) -> None:
        about = f"version {self._guideline.version}"
        if self._area.read_only:
            self._keys.show(("e", "edit"), ("escape", "close"), about=about)
        else:
            self._keys.show(("ctrl+s", f"save to {guideline_file()}"), ("escape", "back"), about=about)
