"""A short list to choose from, by arrows, by typing part of a name, or by mouse."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from assistant.terminal import one_line
from assistant.tui.choices import Offer
from assistant.tui.widgets.choice_list import ChoiceList
from assistant.tui.widgets.dialog import Dialog, DialogScreen
from assistant.tui.widgets.keys import KeyLine


class PickScreen(DialogScreen[str | None]):
    """Returns the chosen value, or None on Esc. With `free`, a typed value that is not on the list is accepted too."""

    BINDINGS = [
        ("escape", "dismiss_none", "Close"),
        ("down", "move(1)", "Next"),
        ("up", "move(-1)", "Previous"),
    ]

    def __init__(self, title: str, offers: Sequence[Offer], current: str = "", *, free: str = "") -> None:
        super().__init__()
        self._title = title
        self._offers = offers
        self._current = current
        self._free = free

    def compose(self) -> ComposeResult:
        with Dialog():
            yield Static(Content(self._title), classes="heading")
            yield Input(placeholder=self._free or "type to narrow the list", compact=True)
            yield ChoiceList(compact=True)
            yield KeyLine(*([("", "↑↓ choose")] if self._offers else []), ("enter", "take it"), ("escape", "close"))

    def on_mount(self) -> None:
        self.query_one(Input).cursor_blink = False
        self.query_one(OptionList).can_focus = False
        self._list("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._list(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            self.dismiss(options.get_option_at_index(options.highlighted).id)
        elif self._free and event.value.strip():
            self.dismiss(event.value.strip())

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_move(self, step: int) -> None:
        options = self.query_one(OptionList)
        if step > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    def action_dismiss_none(self) -> None:
        self.dismiss(None)

    def _list(self, part: str) -> None:
        wanted = part.casefold()
        found = [offer for offer in self._offers if wanted in f"{offer.value} {offer.label}".casefold()]
        width = max((len(offer.label) for offer in found), default=0)
        options = self.query_one(OptionList)
        options.clear_options()
        for offer in found:
            mark = "●" if offer.value == self._current else " "
            line = Content.assemble(
                f"{mark} {one_line(offer.label):<{width}}", ("   " + one_line(offer.about), "$foreground 70%")
            )
            options.add_option(Option(line, id=offer.value))
        values = [offer.value for offer in found]
        if found:
            options.highlighted = values.index(self._current) if self._current in values else 0
