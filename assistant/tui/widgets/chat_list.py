"""The kept chats, newest first, found by typing."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from assistant.records import Chat
from assistant.terminal import one_line
from assistant.tui.messages import ChatChosen, ChatDeletionAsked, ChatPinAsked, ChatRenameAsked, ChatSearched

TITLE_CELLS = 27


def shorten(title: str, cells: int) -> str:
    """The title on one line of so many cells."""
    return Content(title).truncate(cells, ellipsis=True).plain


class ChatList(Vertical):
    """A side panel: type to search titles and messages, arrows and Enter open one, Esc closes."""

    DEFAULT_CSS = """
    ChatList {
        display: none;
        dock: left;
        width: 34;
        max-width: 80%;
        padding: 1 1 0 1;
        background: $surface;
        border-right: outer $panel;
        Input { border: none; padding: 0; background: transparent; margin: 0 0 1 0; }
        OptionList { height: 1fr; border: none; padding: 0; background: transparent; scrollbar-size-vertical: 1; }
        &.-open { display: block; }
    }
    """
    BINDINGS = [
        ("escape", "close", "Close"),
        ("down", "move(1)", "Next"),
        ("up", "move(-1)", "Previous"),
        Binding("ctrl+d", "delete", "Delete", priority=True),
        Binding("ctrl+k", "pin", "Pin", priority=True),
        Binding("f2", "rename", "Rename", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._search = Input(placeholder="search chats", compact=True)
        self._options = OptionList(compact=True)

    def compose(self) -> ComposeResult:
        yield self._search
        yield self._options

    def on_mount(self) -> None:
        self._search.cursor_blink = False
        self._options.can_focus = False

    def open(self) -> None:
        """Show the panel and look for all chats."""
        self.add_class("-open")
        self._search.value = ""
        self._search.focus()
        self.post_message(ChatSearched(""))

    def show(self, chats: Sequence[Chat], current: str) -> None:
        """The chats found; `current` is the one in view."""
        self._options.clear_options()
        for chat in chats:
            mark = "● " if chat.id == current else ("◆ " if chat.pinned else "  ")
            title = shorten(one_line(chat.title) or "untitled", TITLE_CELLS)
            line = Content.assemble(mark, title, "\n", (f"  {chat.updated[:10]} · {chat.messages}", "$foreground 50%"))
            self._options.add_option(Option(line, id=chat.id))
        if chats:
            self._options.highlighted = 0

    def on_input_changed(self, event: Input.Changed) -> None:
        self.post_message(ChatSearched(event.value))

    def on_input_submitted(self) -> None:
        if self._options.highlighted is not None:
            self._choose(self._options.get_option_at_index(self._options.highlighted).id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._choose(event.option.id)

    def _choose(self, id: str | None) -> None:
        if id is not None:
            self.remove_class("-open")
            self.post_message(ChatChosen(id))

    def action_move(self, step: int) -> None:
        if step > 0:
            self._options.action_cursor_down()
        else:
            self._options.action_cursor_up()

    def action_delete(self) -> None:
        if self._options.highlighted is not None:
            id = self._options.get_option_at_index(self._options.highlighted).id
            self.post_message(ChatDeletionAsked(id or ""))

    def action_pin(self) -> None:
        if self._options.highlighted is not None:
            self.post_message(ChatPinAsked(self._options.get_option_at_index(self._options.highlighted).id or ""))

    def action_rename(self) -> None:
        if self._options.highlighted is not None:
            self.post_message(ChatRenameAsked(self._options.get_option_at_index(self._options.highlighted).id or ""))

    def action_close(self) -> None:
        self.remove_class("-open")
        self.screen.focus_next("Editor")
