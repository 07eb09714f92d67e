"""Find an earlier chat: the list of chats, and the search in their messages."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.screen import Screen

from assistant.records import Chat
from assistant.terminal import one_line
from assistant.tui.chat.kept import KeptChats
from assistant.tui.chat.parts import ChatParts
from assistant.tui.chat.requests import Requests
from assistant.tui.messages import HitsFound
from assistant.tui.screens.pick import PickScreen

if TYPE_CHECKING:
    from assistant.feedback.chats import Hit
    from assistant.feedback.store import Store


class Finding:
    """The list of chats and the search. `kept` opens what is found."""

    def __init__(self, parts: ChatParts, requests: Requests, kept: KeptChats) -> None:
        self._parts = parts
        self._parley = parts.parley
        self._screen = parts.screen
        self._requests = requests
        self._kept = kept

    # The list.

    def resume(self) -> None:
        """Open the list of chats."""
        self._parts.chats.open()

    def find_chats(self, words: str) -> None:
        """List the chats whose title or messages contain the words."""

        def find() -> None:
            if (store := self._parley.keeper.store()) is not None:
                self._screen.call_later(self._show_chats, store.chats.newest(words))

        self._parley.in_background(find, "chats")

    def _show_chats(self, chats: Sequence[Chat]) -> None:
        self._parts.chats.show(chats, self._parts.chat)

    def open_chat(self, id: str) -> None:
        """Open a chat from the list."""
        if self._requests.is_free():
            self._kept.open_chat(id)
            self._parts.composer.editor.focus()

    def pin(self, id: str) -> None:
        """Pin a chat to the top of the list, or unpin it."""

        def pin(store: "Store") -> None:
            chat = store.chats.get(id)
            store.chats.pin(chat.id, not chat.pinned)
            self._parts.chats.look()

        self._parley.keeper.do(pin)

    def rename(self, id: str) -> None:
        """Ask for a chat's new title."""

        def use(title: str | None) -> None:
            if not title:
                return
            self._parley.keeper.do(lambda store: rename(store, one_line(title)))
            if id == self._parts.chat:
                self._parts.title_line.chat = one_line(title)

        def rename(store: "Store", title: str) -> None:
            store.chats.rename(id, title)
            self._parts.chats.look()

        self._screen.app.push_screen(PickScreen("What is this chat called?", [], free="a title"), use)

    # The search.

    def search(self, words: str = "") -> None:
        """Search the messages of all chats."""
        from assistant.tui.screens.search import SearchScreen

        screen = SearchScreen(lambda typed: self._find(screen, typed), words)
        self._screen.app.push_screen(screen, lambda hit: self._open_hit(hit) if hit is not None else None)

    def _find(self, screen: Screen["Hit | None"], words: str) -> None:
        def find() -> None:
            if (store := self._parley.keeper.store()) is not None:
                screen.post_message(HitsFound(words, store.chats.find(words)))

        self._parley.in_background(find, "search")

    def _open_hit(self, hit: "Hit") -> None:
        if self._requests.is_free():
            self._kept.open_chat(hit.chat, at=hit.message, word=hit.word)
