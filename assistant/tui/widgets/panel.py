"""The side panel: the settings of this chat's next answer, with their present values."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from assistant.records import Ask
from assistant.tui.choices import CHOICES, counts
from assistant.tui.commands import action_of, command_named
from assistant.tui.messages import ChoiceOpened, ChoiceReset
from assistant.tui.widgets.choice_list import ChoiceList
from assistant.tui.widgets.keys import KeyLine

LABEL_CELLS = 19


class SettingsPanel(Vertical):
    """Select with the arrows, change with Enter, reset to the settings file with `d`, leave with Esc."""

    DEFAULT_CSS = """
    SettingsPanel {
        display: none;
        dock: right;
        width: 37;
        max-width: 80%;
        padding: 1 1 0 2;
        background: $surface;
        border-left: outer $panel;
        .heading { color: $accent; text-style: bold; margin: 0 0 1 0; }
        .hint { color: $foreground 70%; dock: bottom; height: auto; }
        OptionList { height: 1fr; border: none; padding: 0; background: transparent; }
        &.-open { display: block; }
    }
    """
    BINDINGS = [
        Binding("escape", "screen.focus_composer", "Write", show=False),
        Binding("d", "reset", "Default"),
        Binding("g", action_of(command_named("again")), "Again"),
    ]

    def __init__(self, ask: Ask) -> None:
        super().__init__()
        self._ask = ask
        self._default = ask
        self._options = ChoiceList(compact=True)

    def compose(self) -> ComposeResult:
        yield Static(Content("This chat"), classes="heading")
        yield self._options
        yield KeyLine(("enter", "change"), ("d", "default"), ("g", "again"))

    def on_mount(self) -> None:
        self._show()

    @property
    def is_open(self) -> bool:
        """Whether the panel is visible."""
        return self.has_class("-open")

    def toggle(self) -> None:
        """Show and focus the panel, or hide it."""
        self.toggle_class("-open")
        if self.is_open:
            self._options.focus()

    def close(self) -> None:
        """Hide the panel."""
        self.remove_class("-open")

    def show_ask(self, ask: Ask, default: Ask) -> None:
        """Show the settings of this chat; `default` holds those of a new chat."""
        self._ask, self._default = ask, default
        self._show()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(ChoiceOpened(event.option.id or ""))

    def action_reset(self) -> None:
        if self._options.highlighted is not None:
            self.post_message(ChoiceReset(self._options.get_option_at_index(self._options.highlighted).id or ""))

    def _show(self) -> None:
        place = self._options.highlighted
        self._options.clear_options()
        for name, choice in CHOICES.items():
            value = choice.current(self._ask)
            is_changed = value != choice.current(self._default)
            label_style = "" if counts(name, self._ask) else "$foreground 40%"
            value_style = "$accent" if is_changed else label_style or "$foreground 70%"
            # Signs as well as colours: * marks a value changed in this chat, brackets one without effect.
            shown = f"{value} *" if is_changed else value if counts(name, self._ask) else f"({value})"
            line = Content.assemble((f"{choice.label:<{LABEL_CELLS}}", label_style), (shown, value_style))
            self._options.add_option(Option(line, id=name))
        self._options.highlighted = place or 0
