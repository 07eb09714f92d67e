"""What a chat is made of, one entry each: what was sent and what was answered. A selected entry is framed, and its keys
stand on the frame; knows no store and no model.
"""

from collections import deque
from collections.abc import Mapping, Sequence

from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.events import Click
from textual.screen import Screen

from assistant.tui.commands import Scope, action_of, commands_of, find_command, key_of, pressed_key
from assistant.tui.parley import keys_of
from assistant.tui.widgets.keys import press_clicked, pressing

SELECTED_KEYS = ("good", "bad")
"""Judging leaves the entry selected, since the same key again asks why. Everything else goes back to writing."""
LEAVES = "Esc write"
GAP = "  "

Words = Sequence[tuple[str, str]]
"""Commands with their keys and words."""


class EntryView(Vertical, can_focus=True):
    """Selected by Shift+Tab, by Esc and an arrow, or by a click. What its keys do is done here; every other letter is
    typed, which the app sees to.
    """

    DEFAULT_CSS = """
    EntryView {
        height: auto;
        margin: 1 0 0 0;
        padding: 0 2 0 1;
        border-left: outer $panel;
        border-title-color: $accent;
        border-subtitle-color: $accent;
        &:focus, &:focus-within { border: round $accent; margin: 0; padding: 0 1; background: $surface; }
    }
    """
    # At once, before the next key is looked at: what is typed in a burst must find the focus where it goes.
    BINDINGS = [
        Binding("up", "move(-1)", "Previous", show=False, priority=True),
        Binding("down", "move(1)", "Next", show=False, priority=True),
        Binding("escape", "screen.cancel", "Write", id="cancel", show=False, priority=True),
    ]
    FOCUS_ON_CLICK = False
    """Not at the press of the button: the frame would push what is under the mouse away before it is let go."""
    SCOPES: tuple[Scope, ...] = ("entry",)

    @property
    def is_selected(self) -> bool:
        """Whether its keys count."""
        return self.has_focus or self.has_pseudo_class("focus-within")

    def can(self, command: str) -> bool:
        """Whether the command makes sense for this entry as it is."""
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "do":
            return parameters[0] in [name for edge in self.edges() for name, _ in edge]
        return self.has_focus if action == "move" else True

    async def action_move(self, step: int) -> None:
        """To the entry before or after it."""
        await self.screen.run_action(f"select({step})")

    async def action_do(self, name: str) -> None:
        """Run a command on this entry, and go back to writing where it does not open something of its own."""
        screen = self.screen
        if (found := find_command(name)) is not None:
            await screen.run_action(action_of(found[0]))
            stays = name in SELECTED_KEYS and self.app.screen is screen
            if self.is_selected and not stays:
                await screen.run_action("focus_composer")

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._on_bindings)

    def on_click(self, event: Click) -> None:
        if not press_clicked(self.app, event) and not self.is_selected:
            self.screen.set_focus(self)

    def on_resize(self) -> None:
        self._show_keys()

    def _on_bindings(self, screen: Screen[object]) -> None:
        self._show_keys()

    @property
    def _keys(self) -> Mapping[str, str]:
        return keys_of(self)

    def _show_keys(self) -> None:
        lower, upper = self.edges() if self.is_selected else ((), ())
        leaves = [pressing("escape", LEAVES)] if self.is_selected else []
        self.border_title = Content(GAP).join(self._pressing(*words) for words in upper)
        self.border_subtitle = Content(GAP).join([*(self._pressing(*words) for words in lower), *leaves])

    def _pressing(self, command: str, words: str) -> Content:
        return pressing(pressed_key(command, self._keys), words)

    def edges(self) -> tuple[Words, Words]:
        """The keys with their commands: those at the lower edge, and those at the upper one where that has no room.
        What has no room there either is no key here.
        """
        words = deque(
            (command.slash, f"{key} {(command.footer or command.slash).lower()}")
            for command in commands_of(*self.SCOPES)
            if self.can(command.slash) and (key := key_of(command, self._keys))
        )
        edges: list[Words] = []
        for room in (self.size.width - len(LEAVES), self.size.width):
            edge = []
            while words and (room := room - len(words[0][1]) - len(GAP)) >= 0:
                edge.append(words.popleft())
            edges.append(edge)
        return edges[0], edges[1]
