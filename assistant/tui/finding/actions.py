"""Search in all chats, and the way from a hit to its message. The conversation screen brings these along."""

from typing import TYPE_CHECKING

from textual.screen import Screen

from assistant.terminal import one_line
from assistant.tui.asking import open_chat
from assistant.tui.digests.message import MessageScreen
from assistant.tui.messages import ChatPinAsked, ChatRenameAsked, HitsFound
from assistant.tui.screens.parts import ConversationParts
from assistant.tui.screens.pick import PickScreen
from assistant.tui.widgets.answer import AnswerView
from assistant.tui.widgets.sent import SentView
from assistant.tui.widgets.source import SourceView

if TYPE_CHECKING:
    from assistant.feedback.chats import Hit
    from assistant.feedback.store import Store


class FindingActions(ConversationParts):
    """Looking for words in everything that was said."""

    def action_search(self, words: str = "") -> None:
        """Search all chats."""
        from assistant.tui.finding.search import SearchScreen

        screen = SearchScreen(lambda typed: self._find(screen, typed), words)
        self.app.push_screen(screen, lambda hit: self._open_hit(hit) if hit is not None else None)

    def _find(self, screen: Screen["Hit | None"], words: str) -> None:
        def find() -> None:
            if (store := self.parley.keeper.store()) is not None:
                screen.post_message(HitsFound(words, store.find(words)))

        self.parley.in_background(find, "search")

    def _open_hit(self, hit: "Hit") -> None:
        if not self.is_free():
            return

        def read() -> None:
            if (store := self.parley.keeper.store()) is not None:
                open_chat(store, hit.chat, self.post_message, at=hit.message, word=hit.word)

        self.parley.in_background(read, "open")

    # The list of chats.

    def on_chat_pin_asked(self, event: ChatPinAsked) -> None:
        """At the head of the list, or no more."""

        def pin(store: "Store") -> None:
            chat = store.chat(event.id)
            store.pin_chat(chat.id, not chat.pinned)
            self.chats.look()

        self.parley.keeper.do(pin)

    def on_chat_rename_asked(self, event: ChatRenameAsked) -> None:
        """Ask for a title."""

        def use(title: str | None) -> None:
            if not title:
                return
            self.parley.keeper.do(lambda store: rename(store, one_line(title)))
            if event.id == self.chat:
                self.title_line.chat = one_line(title)

        def rename(store: "Store", title: str) -> None:
            store.rename_chat(event.id, title)
            self.chats.look()

        self.app.push_screen(PickScreen("What is this chat called?", [], free="a title"), use)

    def show_message(self, message: str, word: str) -> None:
        """Bring a message of the chat in view, and of a conversation the turn that has the word."""
        for view in self.transcript.children:
            if not isinstance(view, AnswerView | SentView) or view.message != message:
                continue
            view.focus()
            view.scroll_visible(animate=False, top=True)
            if isinstance(view, SourceView):
                self._show_turn(view, word)
            return

    def _show_turn(self, view: SourceView, word: str) -> None:
        for number, turn in enumerate(view.dialogue.turns):
            start = turn.text.casefold().find(word.casefold())
            if word and start >= 0:
                self.app.push_screen(MessageScreen(view.dialogue, number, (start, start + len(word))))
                return
