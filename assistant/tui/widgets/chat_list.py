"""The list of stored chats, newest first, with a search field."""

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
from assistant.tui.widgets.choice_list import ChoiceList
from assistant.tui.widgets.keys import KeyLine

TITLE_CELLS = 27


def shorten(title: str, cells: int) -> str:
    """The title on one line, cut to a number of cells."""
    return Content(title).truncate(cells, ellipsis=True).plain


class ChatList(Vertical):
    """A side panel: type to search titles and messages, select with the arrows, open with Enter, close with Esc."""

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
        Binding("escape", "close", "Close", show=False),
        Binding("down", "move(1)", "Next", show=False),
        Binding("up", "move(-1)", "Previous", show=False),
        Binding("ctrl+d", "delete", "Delete", show=False, priority=True),
        Binding("ctrl+k", "pin", "Pin", show=False, priority=True),
        Binding("f2", "rename", "Rename", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._search = Input(placeholder="search chats", compact=True)
        self._options = ChoiceList(compact=True)

    def compose(self) -> ComposeResult:
        yield self._search
        yield self._options
        yield KeyLine(("enter", "open"), ("ctrl+k", "pin"), ("f2", "rename"), ("ctrl+d", "delete"), ("escape", "close"))

    def on_mount(self) -> None:
        self._search.cursor_blink = False
        self._options.can_focus = False

    def open(self) -> None:
        """Show the panel and list all chats."""
        self.add_class("-open")
        self._search.value = ""
        self._search.focus()
        self._options.highlighted = None
        self.look()

    def look(self) -> None:
        """List the chats again, since they have changed."""
        if self.has_class("-open"):
            self.post_message(ChatSearched(self._search.value))

    def show(self, chats: Sequence[Chat], current: str) -> None:
        """Show the chats found; `current` is the open one. Keeps the highlighted chat, or highlights the next one."""
        place, chosen = self._options.highlighted or 0, self._chosen
        self._options.clear_options()
        for chat in chats:
            mark = "● " if chat.id == current else ("◆ " if chat.pinned else "  ")
            title = shorten(one_line(chat.title) or "untitled", TITLE_CELLS)
            line = Content.assemble(mark, title, "\n", (f"  {chat.updated[:10]} · {chat.messages}", "$foreground 70%"))
            self._options.add_option(Option(line, id=chat.id))
        ids = [chat.id for chat in chats]
        if ids:
            self._options.highlighted = ids.index(chosen) if chosen in ids else min(place, len(ids) - 1)

    def on_input_changed(self) -> None:
        self._options.highlighted = None  # highlight the best match
        self.look()

    @property
    def _chosen(self) -> str:
        """The id of the highlighted chat, or ""."""
        place = self._options.highlighted
        return (self._options.get_option_at_index(place).id or "") if place is not None else ""

    def on_input_submitted(self) -> None:
        self._choose(self._chosen)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._choose(event.option.id or "")

    def _choose(self, id: str) -> None:
        if id:
            self.remove_class("-open")
            self.post_message(ChatChosen(id))

    def action_move(self, step: int) -> None:
        if step > 0:
            self._options.action_cursor_down()
        else:
            self._options.action_cursor_up()

    def action_delete(self) -> None:
        if self._chosen:
            self.post_message(ChatDeletionAsked(self._chosen))

    def action_pin(self) -> None:
        if self._chosen:
            self.post_message(ChatPinAsked(self._chosen))

    def action_rename(self) -> None:
        if self._chosen:
            self.post_message(ChatRenameAsked(self._chosen))

    def action_close(self) -> None:
        self.remove_class("-open")
        self.screen.focus_next("Editor")
