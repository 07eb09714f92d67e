"""A conversation, opened at one of its messages."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from assistant.records import Dialogue
from assistant.terminal import one_line, printable
from assistant.tui.screens.text import Reading


class MessageScreen(Reading):
    """All messages; the one asked for is marked, and in it characters `start` to `end`. Up and Down walk on from it."""

    BINDINGS = [("escape", "close", "Close"), ("c", "copy", "Copy")]

    def __init__(self, dialogue: Dialogue, turn: int, start: int, end: int) -> None:
        super().__init__()
        self._dialogue = dialogue
        self._turn = turn
        self._span = (start, end)
        self._turns = OptionList(compact=True, classes="turns", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide -message"):
            yield Static(Content(f"Message {self._turn + 1} of {len(self._dialogue.turns)}"), classes="heading")
            yield self._turns
            yield Static(Content("↑↓ other messages · c copies the chosen one · Esc close"), classes="hint")

    def on_mount(self) -> None:
        self._turns.add_options([Option(self._line(number)) for number in range(len(self._dialogue.turns))])
        self._turns.focus()
        self._turns.highlighted = self._turn
        self.call_after_refresh(self._turns.scroll_to_highlight, top=True)

    def action_copy(self) -> None:
        if self._turns.highlighted is not None:
            self.app.copy_to_clipboard(printable(self._dialogue.turns[self._turns.highlighted].text))
            self.notify("Copied.")

    def action_close(self) -> None:
        self.dismiss(None)

    def _line(self, number: int) -> Content:
        turn = self._dialogue.turns[number]
        time = f"{one_line(turn.time)} " if turn.time else ""
        head = f"{number + 1:>4}  {time}{one_line(turn.speaker)}: "
        if number != self._turn:
            return Content.assemble((head + printable(turn.text), "$foreground 70%"))
        start, end = self._span
        before, quoted, after = turn.text[:start], turn.text[start:end], turn.text[end:]
        return Content.assemble(
            (head, "$accent bold"), printable(before), (printable(quoted), "$accent bold underline"), printable(after)
        )
