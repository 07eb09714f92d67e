"""The pane that shows the conversation beside its answer."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual.widgets.option_list import Option

from assistant.records import Dialogue
from assistant.terminal import one_line
from assistant.tui.digests.message import turn_line
from assistant.tui.widgets.choice_list import ChoiceList
from assistant.tui.widgets.keys import KeyLine


class ConversationPane(Vertical):
    """All messages of an answer's conversation. The one behind the chosen part is marked and visible.

    The arrows move through the messages while the pane has the focus.
    """

    DEFAULT_CSS = """
    ConversationPane {
        display: none;
        dock: right;
        width: 45%;
        padding: 1 1 0 2;
        background: $surface;
        border-left: outer $panel;
        .heading { color: $accent; text-style: bold; margin: 0 0 1 0; height: auto; }
        .hint { color: $foreground 70%; dock: bottom; height: auto; }
        OptionList { height: 1fr; border: none; padding: 0; background: transparent; }
        &.-open { display: block; }
    }
    """
    BINDINGS = [Binding("escape", "close", "Close")]

    def __init__(self) -> None:
        super().__init__()
        self._dialogue: Dialogue | None = None
        self._marked: int | None = None
        self._heading = Static(classes="heading", markup=False)
        self._turns = ChoiceList(compact=True, markup=False)

    def compose(self) -> ComposeResult:
        yield self._heading
        yield self._turns
        yield KeyLine(("", "Tab to read in it"), ("f10", "close"))

    @property
    def is_open(self) -> bool:
        """Whether the pane is open. It is hidden if the screen has no room for it."""
        return self.has_class("-open")

    def open(self, dialogue: Dialogue) -> None:
        """Show a conversation. If it is shown already, keep its position."""
        self.add_class("-open")
        if dialogue is self._dialogue:
            return
        self._dialogue, self._marked = dialogue, None
        self._heading.update(Content(f"Conversation · {one_line(', '.join(dialogue.speakers))}"))
        self._turns.clear_options()
        self._turns.add_options([Option(turn_line(dialogue, number)) for number in range(len(dialogue.turns))])

    def close(self) -> None:
        """Hide the pane."""
        self.remove_class("-open")

    def point_at(self, turn: int, start: int, end: int) -> None:
        """Mark characters `start` to `end` of a message, and scroll to it."""
        if self._dialogue is None:
            return
        if self._marked is not None:
            self._turns.replace_option_prompt_at_index(self._marked, turn_line(self._dialogue, self._marked))
        self._marked = turn
        self._turns.replace_option_prompt_at_index(turn, turn_line(self._dialogue, turn, (start, end)))
        self._turns.highlighted = turn
        self.call_after_refresh(self._turns.scroll_to_highlight, top=True)

    async def action_close(self) -> None:
        self.close()
        await self.screen.run_action("focus_composer")
