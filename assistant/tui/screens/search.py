"""Search the messages of all chats; best hits first, with the words marked."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from assistant.feedback.chats import Hit
from assistant.terminal import one_line, printable
from assistant.tui.messages import HitsFound
from assistant.tui.widgets.choice_list import ChoiceList
from assistant.tui.widgets.dialog import Dialog, DialogScreen
from assistant.tui.widgets.keys import KeyLine

_WHO = {"conversation": "conversation", "answer": "answer", "user": "you", "notice": "note", "title": "title"}
_KEYS = (("", "↑↓ choose"), ("enter", "open the chat there"), ("escape", "close"))


class SearchScreen(DialogScreen[Hit | None]):
    """Returns the chosen hit, None on Esc. `find` searches in a thread and posts the hits."""

    BINDINGS = [
        ("escape", "dismiss_none", "Close"),
        ("down", "move(1)", "Next"),
        ("up", "move(-1)", "Previous"),
    ]

    def __init__(self, find: Callable[[str], object], words: str = "") -> None:
        super().__init__()
        self._find = find
        self._hits: list[Hit] = []
        self._input = Input(value=words, placeholder="search all chats", compact=True)
        self._list = ChoiceList(compact=True, classes="turns", markup=False)
        self._keys = KeyLine(*_KEYS, about="The last word may be unfinished.")

    def compose(self) -> ComposeResult:
        with Dialog(classes="-wide -message"):
            yield Static(Content("Search"), classes="heading")
            yield self._input
            yield self._list
            yield self._keys

    def on_mount(self) -> None:
        self._input.cursor_blink = False
        self._list.can_focus = False
        self._input.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._find(event.value)

    def on_hits_found(self, event: HitsFound) -> None:
        if event.words != self._input.value:
            return  # more was typed meanwhile
        self._hits = list(event.hits)
        self._list.clear_options()
        self._list.add_options([Option(_line(hit)) for hit in self._hits])
        if self._hits:
            self._list.highlighted = 0
        found = f"{len(self._hits)} found" if self._hits else "nothing found"
        self._keys.show(*_KEYS, about=found if event.words.strip() else "The last word may be unfinished.")

    def on_input_submitted(self) -> None:
        if self._list.highlighted is not None:
            self.dismiss(self._hits[self._list.highlighted])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._hits[event.option_index])

    def action_move(self, step: int) -> None:
        if step > 0:
            self._list.action_cursor_down()
        else:
            self._list.action_cursor_up()

    def action_dismiss_none(self) -> None:
        self.dismiss(None)


def _line(hit: Hit) -> Content:
    about = f"{one_line(hit.title) or 'untitled'} · {hit.created[:10]} · {_WHO.get(hit.kind, hit.kind)}"
    excerpt = [
        (" ".join(printable(text).split("\n")), "$accent bold underline" if is_word else "")
        for text, is_word in hit.excerpt
    ]
    return Content.assemble((about, "$foreground 70%"), "\n  ", *excerpt)
