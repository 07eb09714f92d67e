"""The text in an empty chat: what Parley does, which model answers, and the offer of a better one."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from assistant.terminal import printable
from assistant.tui.messages import ModelChanged
from assistant.tui.widgets.transcript.model_card import ModelCard

WELCOME = """\
Parley summarizes conversations, answers questions about them and about your documents, and learns from your ratings.
All of it happens on this machine: nothing leaves it, and nothing is downloaded unless you ask for it.

Paste a conversation below and press Enter, or type /example to try one.
Type /drafts 4 to compare four summaries: the next model learns from your ranking."""


class Welcome(Vertical):
    """Shown until the chat has a message."""

    DEFAULT_CSS = """
    Welcome {
        height: 1fr;
        overflow-y: auto;
        padding: 1 4;
        color: $foreground 70%;
        .about { height: auto; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._about = Static(Content(WELCOME), classes="about", markup=False)
        self._card = ModelCard()

    def compose(self) -> ComposeResult:
        yield self._card  # first, so that a small screen shows it without scrolling
        yield self._about

    def show_model(self, news: ModelChanged) -> None:
        """Show which model answers and why, and offer larger ones if only the bundled one is there."""
        model = f"{news.label}. {news.detail}" if news.detail else news.label
        self._about.update(Content(f"{WELCOME}\n\nModel: {printable(model)}"))
        self._card.show(news.offering)
