"""The composer: an editor of up to ten lines, long pastes folded above it, and the history of sent texts."""

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static, TextArea

from assistant.errors import InputUnreadable
from assistant.terminal import printable
from assistant.tui.commands import action_of, command_named
from assistant.tui.input.completion import completion_of
from assistant.tui.input.reading import describe, read_dialogue
from assistant.tui.messages import ComposerChanged, ComposerSubmitted
from assistant.tui.widgets.command_menu import CommandMenu
from assistant.tui.widgets.keys import press_clicked

FOLD_LINES = 10
"""A paste with more lines than the composer shows is folded into one line."""
FOLD_CHARACTERS = 2_000


class Editor(TextArea):
    """The text area inside the composer."""

    BINDINGS = [
        Binding("enter", "send", "Send", id="send"),
        Binding("ctrl+j,shift+enter", "newline", "New line", id="newline", show=False),
        Binding("tab", "complete", "Complete", show=False),
        Binding("escape", "leave", "Leave", id="cancel", show=False),
        Binding("shift+tab", "select", "Select an answer", show=False),
        Binding("up", "earlier", "Earlier", show=False),
        Binding("down", "later", "Later", show=False),
        Binding("backspace", "delete_left", "Delete", show=False),
        Binding("ctrl+z,super+z", "undo_last", "Undo", show=False),
    ]

    def __init__(self, menu: CommandMenu, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, compact=True, highlight_cursor_line=False, show_line_numbers=False)
        self.menu = menu

    def update_suggestion(self) -> None:
        """Suggest the end of a command or file name, dimmed, until Tab or → accepts it."""
        at_end = self.cursor_location == self.document.end
        self.suggestion = completion_of(self.text) if at_end and "\n" not in self.text else ""

    class Sent(Message):
        """Enter was pressed on this text; a fast typist may have typed more before the message is handled.

        `command` is the command that the menu makes of it, or "".
        """

        def __init__(self, text: str, command: str) -> None:
            super().__init__()
            self.text = text
            self.command = command

    class Pasted(Message):
        """A text too long to show was pasted."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Recalled(Message):
        """The user wants an earlier (-1) or later (+1) input."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class EmptyDeleted(Message):
        """Backspace was pressed in an empty editor."""

    is_leaving = False
    """Whether Esc was the last key: an arrow then selects an answer."""
    yields_undo = False
    """Whether another action came after the last letter; undo takes that back first."""

    async def action_leave(self) -> None:
        if self.menu.is_open:
            self.menu.close()
            return
        await self.screen.run_action("cancel")
        self.is_leaving = True

    async def action_select(self) -> None:
        await self.screen.run_action("select(-1)")

    async def action_undo_last(self) -> None:
        if self.yields_undo:
            await self.screen.run_action(action_of(command_named("undo")))
        else:
            self.action_undo()

    def action_send(self) -> None:
        self.post_message(self.Sent(self.text, self.menu.chosen(self.text)))

    def action_newline(self) -> None:
        self._replace_via_keyboard("\n", *self.selection)

    def action_complete(self) -> None:
        if command := self.menu.chosen(self.text):
            self.load_text(f"/{command} ")
            self.move_cursor(self.document.end)
        elif self.suggestion:
            self.insert(self.suggestion)
        else:
            self.screen.focus_next()

    async def action_earlier(self) -> None:
        if self.is_leaving:
            await self.action_select()
        elif self.cursor_at_first_line:
            self.post_message(self.Recalled(-1))
        else:
            self.action_cursor_up()

    def action_later(self) -> None:
        if self.cursor_at_last_line:
            self.post_message(self.Recalled(1))
        else:
            self.action_cursor_down()

    def action_delete_left(self) -> None:
        if self.text:
            super().action_delete_left()
        else:
            self.post_message(self.EmptyDeleted())

    async def _on_key(self, event: events.Key) -> None:
        """Run the editor's own bindings immediately.

        Textual would run them after the key has bubbled up to the app. A fast typist, or a terminal that pastes key by
        key, has typed more by then.
        """
        if event.key not in ("escape", "up"):
            self.is_leaving = False
        if event.is_printable:
            return
        active = self.screen.active_bindings.get(event.key)
        if active is not None and active.node is self and await self.app.run_action(active.binding.action, self):
            event.stop()
            event.prevent_default()

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        text = printable(event.text)
        if is_long(text):
            self.post_message(self.Pasted(text))
        elif result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)


class Composer(Vertical):
    """The editor, with the folded paste above it."""

    DEFAULT_CSS = """
    Composer {
        height: auto;
        max-height: 16;
        border: round $panel;
        padding: 0 1;
        &:focus-within { border: round $accent; }
        .folded { display: none; color: $accent; height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        &.-folded .folded { display: block; }
        Editor {
            height: auto; max-height: 10; border: none; padding: 0; background: transparent;
            &:focus { border: none; }
            & .text-area--placeholder { color: $foreground 70%; }
        }
    }
    """

    PLACEHOLDERS = (
        "Paste a conversation and press Enter; / for commands",
        "Paste a conversation; / for commands",
        "Paste, or type /",
    )
    """The first one that fits is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.pasted = ""
        self.history: list[str] = []
        self._place = 0
        self._changed: dict[int, str] = {}
        self._sent: str | None = None
        self._fold = Static(classes="folded", markup=False)
        self.menu = CommandMenu()
        self.editor = Editor(self.menu, self.PLACEHOLDERS[0])
        self._loaded = ""

    def on_mount(self) -> None:
        self.editor.cursor_blink = False

    def on_resize(self) -> None:
        fitting = (text for text in self.PLACEHOLDERS if len(text) <= self.size.width)
        self.editor.placeholder = next(fitting, self.PLACEHOLDERS[-1])

    def compose(self) -> ComposeResult:
        yield self.menu
        yield self._fold
        yield self.editor

    @property
    def whole_text(self) -> str:
        """The folded paste and the typed text together, as they will be sent."""
        return self._with_paste(self.editor.text)

    def _with_paste(self, typed: str) -> str:
        return "\n".join(part for part in (self.pasted, typed) if part)

    def load(self, text: str) -> None:
        """Replace the content; a long text is folded."""
        self.pasted, typed = (text, "") if is_long(text) else ("", text)
        self._loaded = typed
        self.editor.load_text(typed)
        self.editor.move_cursor(self.editor.document.end)
        self._show_fold()

    def clear(self) -> None:
        """Empty the composer, but keep what was typed after Enter."""
        typed = self.editor.text
        is_typed_on = self._sent is not None and typed.startswith(self._sent)
        self.load(typed[len(self._sent or "") :] if is_typed_on else "")
        self._sent = None

    def unfold(self) -> None:
        """Move the folded paste into the editor."""
        self.editor.load_text(self.whole_text)
        self.pasted = ""
        self._show_fold()
        self.editor.focus()

    def remember(self, text: str) -> None:
        """Add a sent text to the history."""
        if text and self.history[-1:] != [text]:
            self.history.append(text)
        self._place = len(self.history)
        self._changed = {}

    def on_editor_sent(self, event: Editor.Sent) -> None:
        text = f"/{event.command}" if event.command else self._with_paste(event.text)
        if text.strip():
            self._sent = event.text
            self.post_message(ComposerSubmitted(text))

    def on_editor_pasted(self, event: Editor.Pasted) -> None:
        self.pasted = "\n".join(part for part in (self.pasted, event.text.strip("\n")) if part)
        self._show_fold()

    def on_editor_empty_deleted(self) -> None:
        self.pasted = ""
        self._show_fold()

    def on_editor_recalled(self, event: Editor.Recalled) -> None:
        if self.menu.is_open:
            self.menu.move(event.step)
            return
        place = min(max(self._place + event.step, 0), len(self.history))
        if place == self._place:
            return
        # Every place in the history, the newest included, keeps the changes typed there.
        self._changed[self._place] = self.whole_text
        self._place = place
        self.load(self._changed.get(place, self.history[place] if place < len(self.history) else ""))

    def on_text_area_changed(self) -> None:
        self.editor.yields_undo = False
        # A recalled text does not open the menu, so that Up goes on through the history.
        self.menu.show("" if self.editor.text == self._loaded else self.editor.text)
        self.post_message(ComposerChanged())

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Run the clicked command."""
        event.stop()
        self._sent = self.editor.text
        self.post_message(ComposerSubmitted(f"/{event.option.id}"))

    def on_click(self, event: events.Click) -> None:
        if event.widget is self._fold:
            self.unfold()
        else:
            press_clicked(self.app, event)

    def _show_fold(self) -> None:
        self.set_class(bool(self.pasted), "-folded")
        if self.pasted:
            self._fold.update(Content(f"▸ {_describe_text(self.pasted)} · click or /unfold"))
        self.post_message(ComposerChanged())


def is_long(text: str) -> bool:
    """Whether a text is folded rather than shown in the editor."""
    return text.count("\n") >= FOLD_LINES or len(text) > FOLD_CHARACTERS


def _describe_text(text: str) -> str:
    try:
        return describe(read_dialogue(text))
    except InputUnreadable as error:
        return f"{text.count(chr(10)) + 1:,} lines · {error}"
