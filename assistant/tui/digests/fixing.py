"""Correct a to-do: who, when, and whether it is done."""

from typing import TYPE_CHECKING

import msgspec
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Checkbox, Input, Label, Static

from assistant.terminal import one_line
from assistant.tui.widgets.dialog import Dialog, DialogScreen
from assistant.tui.widgets.keys import KeyLine

if TYPE_CHECKING:
    from assistant.digest import Todo


class FixScreen(DialogScreen["Todo | None"]):
    """Returns the corrected to-do, None on Esc. Its date is worked out from the time later."""

    BINDINGS = [("escape", "dismiss_none", "Close")]

    def __init__(self, todo: "Todo") -> None:
        super().__init__()
        self._todo = todo
        self._who = Input(value=one_line(todo.who), placeholder="nobody yet", compact=True, id="who")
        self._when = Input(value=one_line(todo.when or todo.date), placeholder="no time given", compact=True, id="when")
        self._done = Checkbox("done", value=todo.done, compact=True, id="done")

    def compose(self) -> ComposeResult:
        with Dialog():
            yield Static(Content(f"To do: {one_line(self._todo.what)}"), classes="heading")
            yield Label("who")
            yield self._who
            yield Label('when: "by Friday", or a day such as 2026-05-03')
            yield self._when
            yield self._done
            yield KeyLine(("tab", "next"), ("", "Space tick"), ("enter", "save"), ("escape", "leave it"))

    def on_mount(self) -> None:
        self._who.cursor_blink = self._when.cursor_blink = False
        self._who.focus()

    def on_input_submitted(self) -> None:
        who, when = self._who.value.strip(), self._when.value.strip()
        self.dismiss(msgspec.structs.replace(self._todo, who=who, when=when, done=self._done.value))

    def action_dismiss_none(self) -> None:
        self.dismiss(None)
