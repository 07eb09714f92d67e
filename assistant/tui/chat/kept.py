"""Stored chats: begin, open, name and export them."""

from pathlib import Path
from typing import cast, get_args

from assistant.errors import UsageError
from assistant.terminal import one_line
from assistant.tui.chat.choosing import Choosing
from assistant.tui.chat.editing import Editing
from assistant.tui.chat.parts import ChatParts
from assistant.tui.chat.requests import Requests
from assistant.tui.digests.message import MessageScreen
from assistant.tui.exporting import Kind, export_chat
from assistant.tui.messages import ChatOpened, NoticeGiven
from assistant.tui.screens.pick import PickScreen
from assistant.tui.widgets.title import TitleLine
from assistant.tui.widgets.transcript.answer import AnswerView
from assistant.tui.widgets.transcript.sent import SentView
from assistant.tui.widgets.transcript.source import SourceView
from assistant.tui.workers.asking import ask_of, open_chat


class KeptChats:
    """Opens stored chats, and stores the current one."""

    def __init__(self, parts: ChatParts, requests: Requests, choosing: Choosing, editing: Editing) -> None:
        self._parts = parts
        self._parley = parts.parley
        self._screen = parts.screen
        self._requests = requests
        self._choosing = choosing
        self._editing = editing

    def begun(self, id: str) -> None:
        """The current chat has its first message, and so an id."""
        self._parts.chat = id

    def open_chat(self, id: str, before: str | None = None, *, at: str = "", word: str = "") -> None:
        """Show a stored chat, or its page before a message. `at` is a message to select, `word` a word in it."""

        def read() -> None:
            if (store := self._parley.keeper.store()) is not None:
                open_chat(store, id, self._screen.post_message, before, at=at, word=word)

        self._parley.in_background(read, "open")

    def open_earlier(self, before: str) -> None:
        """Show the page before a message of the current chat."""
        self.open_chat(self._parts.chat, before)

    async def show_opened(self, opened: ChatOpened) -> None:
        """Show the chat that was read, or the earlier page."""
        parts = self._parts
        if opened.is_page:
            await parts.transcript.add_earlier(opened, parts.ask, self._parley.order)
            return
        parts.chat = opened.chat.id
        parts.chats.look()
        self._editing.stop()
        self._parley.keeper.resume(opened.chat.id)
        self._choosing.use_ask(ask_of(opened.chat, parts.default_ask))
        parts.title_line.chat = opened.chat.title or TitleLine.UNTITLED
        self._screen.set_class(bool(opened.entries), "-begun")
        await parts.transcript.show(opened, parts.ask, self._parley.order)
        parts.follow()
        if opened.at:
            self._screen.call_after_refresh(self._show_message, opened.at, opened.word)

    def _show_message(self, message: str, word: str) -> None:
        """Select a message of the current chat. In a conversation, open the turn that contains the word."""
        for view in self._parts.transcript.children:
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
                self._screen.app.push_screen(MessageScreen(view.dialogue, number, (start, start + len(word))))
                return

    async def new_chat(self) -> None:
        """Start a new chat."""
        if self._requests.is_free():
            self._parley.keeper.begin()
            self._parts.chat = ""
            self._editing.stop()
            await self._parts.transcript.clear()
            self._parts.follow()
            self._parts.title_line.chat = TitleLine.UNTITLED
            self._screen.remove_class("-begun")
            self._choosing.use_ask(self._parts.default_ask)
            self._parts.composer.editor.focus()

    def title(self, title: str = "") -> None:
        """Name the chat, or ask for a name."""
        if not title:
            screen = PickScreen("What is this chat called?", [], free=f"now: {one_line(self._parts.title_line.chat)}")
            self._screen.app.push_screen(screen, lambda typed: self.title(typed) if typed else None)
            return
        self._parley.keeper.named(one_line(title))
        self._parts.title_line.chat = one_line(title)

    def export(self, kind: str = "md") -> None:
        """Write the chat to a file in the working directory, and say where."""

        def export() -> None:
            store, id = self._parley.keeper.store(), self._parley.keeper.chat()
            if store is None or not id:
                raise UsageError("there is nothing to export yet: this chat has no message")
            path = export_chat(store, id, cast(Kind, kind), Path.cwd())
            self._screen.app.post_message(NoticeGiven(f"Written to {path}", "information"))

        with self._parley.reporting():
            if kind not in get_args(Kind):
                raise UsageError(f"no format {kind!r} for a chat; there are md, html and json")
            self._parley.in_background(export, "export")
