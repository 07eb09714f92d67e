"""What stands in an empty chat: what this is, which model answers, and the offer to get a better one."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from assistant.terminal import printable
from assistant.tui.messages import ModelChanged

WELCOME = """\
Parley summarizes conversations, answers questions about them and about your documents, and learns from your ratings.
All of it happens on this machine: nothing leaves it, and nothing is downloaded unless you ask for it.

Paste a conversation below and press Enter; /example brings one to try.
With /drafts 4 it writes four answers: r ranks them, and the next model learns from that."""


class PullOffer(Static, can_focus=True):
    """The offer to download the base model."""

    BINDINGS = [Binding("enter", "screen.pull", "Get it")]

    async def on_click(self) -> None:
        await self.run_action("screen.pull")


class Welcome(Vertical):
    """Gone as soon as a chat has begun."""

    DEFAULT_CSS = """
    Welcome {
        height: auto;
        padding: 1 4;
        color: $foreground 65%;
        .about { height: auto; }
        PullOffer { display: none; width: auto; margin: 1 0 0 0; color: $accent; &:focus { text-style: reverse; } }
        &.-offering PullOffer { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._about = Static(Content(WELCOME), classes="about", markup=False)
        self._offer = PullOffer(markup=False)

    def compose(self) -> ComposeResult:
        yield self._about
        yield self._offer

    def show_model(self, news: ModelChanged, base: str) -> None:
        """Which model answers and why; where only the bundled one is there, `base` is offered ("": never)."""
        model = f"{news.label}. {news.detail}" if news.detail else news.label
        self._about.update(Content(f"{WELCOME}\n\nModel: {printable(model)}"))
        is_small = news.is_bundled and base not in ("", news.ref)
        self.set_class(is_small and news.state == "ready", "-offering")
        if is_small:
            self._offer.update(Content(f"▸ Get {printable(base)}, which writes better: /pull asks first"))
