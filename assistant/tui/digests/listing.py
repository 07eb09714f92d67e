"""A digest as a list of parts to move through."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from assistant.terminal import one_line
from assistant.tui.commands import action_of, bindings_of, command_named
from assistant.tui.digests.items import Item, blocks_of, mark_key
from assistant.tui.widgets.keys import KeyLine

if TYPE_CHECKING:
    from assistant.digest import Digest, Todo
    from assistant.feedback.marks import Mark

KEYS = (
    ("enter", "message"),
    ("plus", "keep"),
    ("minus", "drop"),
    ("t", "put a to-do right"),
    ("c", "copy"),
    ("x", "to-dos to a file"),
    ("escape", "write"),
)
_SIGNS = {"keep": "+ ", "drop": "- "}


class ItemLine(Static):
    """One part. The chosen part has a sign, not only a colour."""

    def __init__(self, item: Item) -> None:
        super().__init__(classes="item", markup=False)
        self.item = item
        self._sign = ""
        self._text = item.line
        self._draw()

    def choose(self, is_chosen: bool) -> None:
        """Show whether the part is chosen."""
        self.set_class(is_chosen, "-chosen")
        self._draw()

    def show(self, sign: str, text: str) -> None:
        """Show the mark, and the corrected text if there is one."""
        self._sign, self._text = sign, text or self.item.line
        self.set_class(sign == _SIGNS["drop"], "-dropped")
        self._draw()

    def _draw(self) -> None:
        mark = "▸ " if self.has_class("-chosen") else "  "
        self.update(Content.assemble(mark, self._sign, Content(one_line(self._text))))

    async def on_click(self, event: events.Click) -> None:
        """Choose the part; a click on the chosen part shows its message."""
        event.stop()
        assert isinstance(self.parent, DigestList)
        if self.has_class("-chosen"):
            await self.run_action(action_of(command_named("message")))
        else:
            self.parent.enter(self)


class DigestList(Vertical, can_focus=False):
    """The parts under their headings.

    The list can have the focus only while a part is chosen, so that Shift+Tab still selects the whole answer.
    """

    DEFAULT_CSS = """
    DigestList {
        height: auto;
        .head { color: $secondary; margin: 1 0 0 0; height: auto; }
        .item { height: auto; }
        .item.-dropped { color: $foreground 70%; }
        .item.-chosen { background: $accent 20%; }
        KeyLine { display: none; margin: 1 0 0 0; }
        &:focus KeyLine { display: block; }
    }
    """
    BINDINGS = [
        *bindings_of("point"),
        Binding("up", "move(-1)", "Previous", show=False),
        Binding("down", "move(1)", "Next", show=False),
    ]

    class Chosen(Message):
        """Another part was chosen."""

        def __init__(self, item: Item) -> None:
            super().__init__()
            self.item = item

    at: reactive[int | None] = reactive(None)
    """The index of the chosen part."""

    def __init__(self, digest: "Digest") -> None:
        super().__init__()
        self.digest = digest
        self.marks: list[Mark] = []
        self._blocks = [(heading, [ItemLine(item) for item in items]) for heading, items in blocks_of(digest) if items]
        self.lines = [line for _, lines in self._blocks for line in lines]

    def compose(self) -> ComposeResult:
        for heading, lines in self._blocks:
            if heading:
                yield Static(Content(one_line(heading)), classes="head", markup=False)
            yield from lines
        yield KeyLine(("", "↑↓ choose"), *KEYS)

    @property
    def item(self) -> Item | None:
        """The chosen part, if any."""
        return self.lines[self.at].item if self.at is not None else None

    def show_marks(self, marks: "Iterable[Mark]") -> None:
        """Show the marks in force."""
        from assistant.digest import todo_line

        self.marks = list(marks)
        says = {mark_key(mark): _SIGNS[mark.says] for mark in self.marks if mark.says != "fix"}
        for line in self.lines:
            text = todo_line(self.todo_now(line.item.number)) if line.item.kind == "todo" else ""
            line.show(says.get(line.item.key, ""), text)

    def todo_now(self, number: int) -> "Todo":
        """A to-do as corrected, or else as found."""
        from assistant.marking.applying import as_fixed

        fix = next((mark for mark in self.marks if mark.says == "fix" and mark.number == number), None)
        todo = self.digest.todos[number]
        return as_fixed(todo, fix) if fix is not None else todo

    def enter(self, line: ItemLine | None = None) -> None:
        """Choose a part, by default the first, and take the focus."""
        if self.lines:
            self.can_focus = True
            self.at = self.lines.index(line) if line is not None else self.at or 0
            self.screen.set_focus(self, scroll_visible=False)

    def watch_at(self, before: int | None, now: int | None) -> None:
        if before is not None:
            self.lines[before].choose(False)
        if now is not None:
            self.lines[now].choose(True)
            self.post_message(self.Chosen(self.lines[now].item))
            self.call_after_refresh(self._bring_into_view)

    def _bring_into_view(self) -> None:
        if self.at is not None:
            self.lines[self.at].scroll_visible(animate=False, immediate=True)

    def action_move(self, step: int) -> None:
        """Choose the next or the previous part. Up from the first selects the whole answer."""
        at = (self.at or 0) + step
        if at < 0:
            assert isinstance(self.parent, Vertical)
            self.parent.focus()
        else:
            self.at = min(at, len(self.lines) - 1)

    def on_blur(self) -> None:
        # A dialog takes the focus of the screen for a while; the part stays chosen.
        if self.screen.focused is not self:
            self.at = None
            self.can_focus = False
