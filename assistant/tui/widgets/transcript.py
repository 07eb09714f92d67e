"""What was said and answered, newest at the bottom. Keeps a bounded number of widgets however long the chat is."""

from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from assistant.tui.widgets.answer import AnswerView

MOUNTED_ENTRIES = 60
"""More entries than this are never mounted at once."""


class Transcript(VerticalScroll, can_focus=False):
    """The entries of the chat in view."""

    DEFAULT_CSS = """
    Transcript {
        height: 1fr;
        padding: 0 2 1 2;
        scrollbar-size-vertical: 1;
        .earlier { color: $foreground 55%; display: none; }
        &.-bounded .earlier { display: block; }
    }
    """

    def on_mount(self) -> None:
        self.anchor()

    async def add(self, entry: Widget) -> None:
        """Append an entry and let go of the oldest beyond the bound."""
        await self.mount(entry)
        entries = [child for child in self.children if not isinstance(child, Static)]
        for old in entries[:-MOUNTED_ENTRIES]:
            await old.remove()
        self.anchor()

    @property
    def answers(self) -> list[AnswerView]:
        """All answers in view, oldest first."""
        return list(self.query(AnswerView))
