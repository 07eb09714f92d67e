"""A sent question or instruction, and where it went."""

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from assistant.terminal import printable
from assistant.tui.commands import bindings_of
from assistant.tui.widgets.transcript.entry import EntryView


class SentView(EntryView):
    """Something the user sent. `text` is what was typed or pasted, `message` its id in the store, once stored."""

    DEFAULT_CSS = """
    SentView { border-left: outer $secondary; }
    """
    BINDINGS = bindings_of("source", "entry")
    SCOPES = ("source", "entry")

    def can(self, command: str) -> bool:
        return command != "rename"

    def __init__(self, text: str, message: str = "") -> None:
        super().__init__()
        self.text = text
        self.message = message


class QuestionView(SentView):
    """A question, an instruction or a wish, followed by where it went."""

    DEFAULT_CSS = """
    QuestionView { .question { height: auto; } }
    """

    def __init__(self, text: str, route: str = "", message: str = "") -> None:
        super().__init__(text, message)
        self._route = route

    def compose(self) -> ComposeResult:
        route = f"  → {self._route}" if self._route else ""
        yield Static(
            Content.assemble(printable(self.text).strip(), (route, "$foreground 70%")), classes="question", markup=False
        )
