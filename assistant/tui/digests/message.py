"""A conversation, opened at one message."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static
from textual.widgets.option_list import Option

from assistant.records import Dialogue
from assistant.terminal import one_line, printable
from assistant.tui.commands import command_named
from assistant.tui.screens.text import Reading
from assistant.tui.widgets.choice_list import ChoiceList
from assistant.tui.widgets.dialog import Dialog
from assistant.tui.widgets.keys import KeyLine

Span = tuple[int, int]
"""Start and end of a range of characters in a message."""


class MessageScreen(Reading):
    """All messages of a conversation. Characters `span` of the given turn are marked; Up and Down move from there.

    With `is_whole`, the screen fills the terminal.
    """

    BINDINGS = [
        ("escape", "close", "Close"),
        ("c", "copy", "Copy"),
        Binding(command_named("conversation").key, "close", id="conversation", show=False),
    ]

    def __init__(self, dialogue: Dialogue, turn: int, span: Span | None, *, is_whole: bool = False) -> None:
        super().__init__()
        self._dialogue = dialogue
        self._turn = turn
        self._span = span
        self._shape = "-whole" if is_whole else "-message"
        self._turns = ChoiceList(compact=True, classes="turns", markup=False)

    def compose(self) -> ComposeResult:
        with Dialog(classes=f"-wide {self._shape}"):
            yield Static(Content(f"Message {self._turn + 1} of {len(self._dialogue.turns)}"), classes="heading")
            yield self._turns
            yield KeyLine(("", "↑↓ other messages"), ("c", "copy the chosen one"), ("escape", "close"))

    def on_mount(self) -> None:
        lines = [turn_line(self._dialogue, number) for number in range(len(self._dialogue.turns))]
        lines[self._turn] = turn_line(self._dialogue, self._turn, self._span)
        self._turns.add_options([Option(line) for line in lines])
        self._turns.focus()
        self._turns.highlighted = self._turn
        self.call_after_refresh(self._turns.scroll_to_highlight, top=True)

    def action_copy(self) -> None:
        if self._turns.highlighted is not None:
            self.app.copy_to_clipboard(self._dialogue.turns[self._turns.highlighted].text)
            self.notify("Copied.")

    def action_close(self) -> None:
        self.dismiss(None)


def turn_line(dialogue: Dialogue, number: int, span: Span | None = None) -> Content:
    """A message with its number. If `span` is given, a bar precedes the message and the span is marked."""
    turn = dialogue.turns[number]
    time = f"{one_line(turn.time)} " if turn.time else ""
    width = len(str(len(dialogue.turns)))
    head = f"{number + 1:>{width}}  {time}{one_line(turn.speaker)}: "
    if span is None:
        return Content.assemble((f" {head}{printable(turn.text)}", "$foreground 70%"))
    start, end = span
    before, quoted, after = turn.text[:start], turn.text[start:end], turn.text[end:]
    return Content.assemble(
        (f"▌{head}", "$accent bold"), printable(before), (printable(quoted), "$accent bold underline"), printable(after)
    )
