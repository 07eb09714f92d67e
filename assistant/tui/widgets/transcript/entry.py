"""Entries of a chat: what was sent and what was answered. They know no store and no model.

A selected entry has a frame, with its keys on it.
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
"""Rating keeps the entry selected, since the same key again asks for a reason. Other keys focus the composer."""
LEAVES = "Esc write"
GAP = "  "

Words = Sequence[tuple[str, str]]
"""Commands with the words that show their keys."""


class EntryView(Vertical, can_focus=True):
    """An entry, selected with Shift+Tab, with Esc and an arrow, or with a click.

    It handles its own keys; the app passes every other letter to the composer.
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
    # With priority: the focus must move before the next key of a fast typist is handled.
    BINDINGS = [
        Binding("up", "move(-1)", "Previous", show=False, priority=True),
        Binding("down", "move(1)", "Next", show=False, priority=True),
        Binding("escape", "screen.cancel", "Write", id="cancel", show=False, priority=True),
    ]
    FOCUS_ON_CLICK = False
    """Focus on release: focusing on press adds the frame, which would move what is under the mouse."""
    SCOPES: tuple[Scope, ...] = ("entry",)

    @property
    def is_selected(self) -> bool:
        """Whether its keys are active."""
        return self.has_focus or self.has_pseudo_class("focus-within")

    def can(self, command: str) -> bool:
        """Whether the command applies to this entry."""
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "do":
            return parameters[0] in [name for edge in self.edges() for name, _ in edge]
        return self.has_focus if action == "move" else True

    async def action_move(self, step: int) -> None:
        """Select the entry before or after this one."""
        await self.screen.run_action(f"select({step})")

    async def action_do(self, name: str) -> None:
        """Run a command on this entry, and focus the composer unless the command opens a screen or rates."""
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
        """The keys with their commands on the lower edge, and those on the upper edge that do not fit there.

        A command that fits on neither edge has no key here.
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
