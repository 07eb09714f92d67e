"""The menu of commands, shown above the field while a command is typed, best matches first."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets.option_list import Option

from assistant.tui.commands import COMMANDS, Command, key_of
from assistant.tui.parley import keys_of
from assistant.tui.widgets.choice_list import ChoiceList
from assistant.tui.widgets.keys import KeyLine

NAME_CELLS = 14


class CommandMenu(Vertical):
    """Open while the field contains "/" and part of a name.

    It never has the focus: the editor moves the highlight, and asks what Enter and Tab mean.
    """

    DEFAULT_CSS = """
    CommandMenu {
        display: none;
        height: auto;
        &.-open { display: block; }
        OptionList {
            height: auto; max-height: 8; border: none; padding: 0; background: transparent;
            scrollbar-gutter: stable; text-wrap: nowrap; text-overflow: ellipsis;
        }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._options = ChoiceList(compact=True)
        self._text = ""

    def compose(self) -> ComposeResult:
        yield self._options
        yield KeyLine(("", "↑↓ choose"), ("tab", "complete"), ("enter", "run"), ("escape", "close"))

    def on_mount(self) -> None:
        self._options.can_focus = False

    @property
    def is_open(self) -> bool:
        """Whether the menu is visible."""
        return self.has_class("-open")

    def show(self, text: str) -> None:
        """Show the commands that match the text; hide the menu if there are none."""
        self._text = text
        found = fitting(text)
        self.set_class(bool(found), "-open")
        keys = keys_of(self)
        self._options.clear_options()
        for command in found:
            key = key_of(command, keys)
            name = f"{'/' + command.slash:<{NAME_CELLS}}"
            line = Content.assemble((name, "$accent"), command.title, (f"  {key}" if key else "", "$foreground 70%"))
            self._options.add_option(Option(line, id=command.slash))
        self._options.highlighted = 0 if found else None

    def close(self) -> None:
        """Hide the menu until the text changes."""
        self.remove_class("-open")

    def move(self, step: int) -> None:
        """Highlight the next or the previous line."""
        if step > 0:
            self._options.action_cursor_down()
        else:
            self._options.action_cursor_up()

    def chosen(self, text: str) -> str:
        """The name of the command that the text means, "" for none.

        That is the highlighted one, or the first match if the menu does not show this text yet.
        """
        found = fitting(text)
        if not found or not (self.is_open or text != self._text):
            return ""
        place = (self._options.highlighted or 0) if text == self._text else 0
        return found[place].slash


def fitting(text: str) -> list[Command]:
    """The commands that match "/" and part of a name: the exact one, then those that begin with it, then those that
    contain it.
    """
    begun = text.removeprefix("/")
    if not text.startswith("/") or not (begun == "" or begun.isalpha()):
        return []
    begin = [command for command in COMMANDS if command.slash.startswith(begun)]
    begin.sort(key=lambda command: command.slash != begun)
    return begin + [
        command for command in COMMANDS if command not in begin and begun in f"{command.slash} {command.title.lower()}"
    ]
