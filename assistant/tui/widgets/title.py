"""The top line: the product, the chat's title, and on the right the model that answers."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from assistant.terminal import one_line
from assistant.tui.commands import pressed_key
from assistant.tui.parley import keys_of
from assistant.tui.widgets.keys import PressLine, pressing


class TitleLine(Horizontal):
    """One line. The right side must always name the model that really answers."""

    DEFAULT_CSS = """
    TitleLine {
        height: 1;
        padding: 0 1;
        .name { width: auto; color: $accent; text-style: bold; }
        .chat { width: 1fr; padding: 0 1 0 2; text-overflow: ellipsis; text-wrap: nowrap; }
        .changed { width: auto; max-width: 45%; color: $warning; padding: 0 2 0 0; }
        .changed { text-overflow: ellipsis; text-wrap: nowrap; }
        .model { width: auto; max-width: 60%; color: $foreground 70%; text-overflow: ellipsis; text-wrap: nowrap; }
        &.-failed .model { color: $error; }
    }
    """

    UNTITLED = "New chat"

    chat: reactive[str] = reactive(UNTITLED)
    model: reactive[str] = reactive("")

    changed: reactive[str] = reactive("")
    """Settings changed in this chat, and the key that resets them."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = PressLine(classes="changed", markup=False)
        self._chat = Static(classes="chat", markup=False)
        self._model = Static(classes="model", markup=False)

    def compose(self) -> ComposeResult:
        yield Static("Parley", classes="name")
        yield self._chat
        yield self._changed
        yield self._model

    def watch_chat(self, title: str) -> None:
        self._chat.update(Content(one_line(title)))

    def watch_changed(self, words: str) -> None:
        key = pressed_key("defaults", keys_of(self))
        self._changed.update(pressing(key, one_line(words)))
        self._changed.display = bool(words)

    def watch_model(self, label: str) -> None:
        self._model.update(Content(one_line(label)))
