"""Drafts side by side, one card each, stacked on a narrow screen."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from assistant.terminal import printable

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class DraftCard(Static):
    """One draft; its border shows its letter and its rank."""

    DEFAULT_CSS = """
    DraftCard {
        width: 1fr;
        height: auto;
        padding: 0 1;
        border: round $secondary 50%;
        border-title-color: $foreground 70%;
        border-subtitle-color: $foreground 70%;
        &.-placed { border-title-color: $accent; }
        &.-touched { border: round $accent; }
        &.-failed { color: $foreground 70%; border-title-color: $error; }
    }
    """

    class Chosen(Message):
        """The draft with this number was clicked."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, number: int, text: str) -> None:
        super().__init__(Content(printable(text) or "(nothing)"), markup=False)
        self._number = number
        self._heading = f"{number + 1} · {LETTERS[number]}"
        self.border_title = self._heading

    def on_click(self) -> None:
        self.post_message(self.Chosen(self._number))

    def mark(self, mark: str, *, touched: bool = False, failed: bool = False) -> None:
        """Show the rank: "1st", "2nd =", "failed"."""
        # Above the text, since the end of a long card may lie below the screen.
        heading = f"▸ {self._heading}" if touched else self._heading
        self.border_title = f"{heading} · {mark}" if mark else heading
        self.set_class(bool(mark), "-placed")
        self.set_class(touched, "-touched")
        self.set_class(failed, "-failed")

    def note(self, text: str) -> None:
        """Show a note on the lower border."""
        self.border_subtitle = printable(text).replace("[", r"\[")


class DraftRow(Horizontal):
    """A row of cards."""

    DEFAULT_CSS = """
    DraftRow { height: auto; }
    """

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__()
        self.cards = [DraftCard(number, text) for number, text in enumerate(texts)]

    def compose(self) -> ComposeResult:
        yield from self.cards


def mark_of(place: int | None, *, tied: bool, failed: bool) -> str:
    """A rank such as "1st", "2nd =" or "failed"; empty for none."""
    if failed:
        return "failed"
    if place is None:
        return ""
    ordinal = {1: "1st", 2: "2nd", 3: "3rd"}.get(place, f"{place}th")
    return f"{ordinal} =" if tied else ordinal
