"""Writes chats to the store in a thread, one task after another, so that no key waits for the disk and the order is
kept.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec

from assistant.errors import AssistantError, StoreUnavailable, UsageError
from assistant.records import Answer, Ask, MessageKind

if TYPE_CHECKING:
    from assistant.feedback.store import Store

TYPED = "typed"
WRITING = "writing"
RANKING = "ranking"

Kept = Callable[[str], object]


def _nobody(id: str) -> None:
    """Ignore the id."""


class Keeper:
    """Stores the current chat. Methods return immediately, except `store`, `chat` and `close`.

    `on_error` gets errors of the store, `on_chat` the id of a new chat.
    """

    def __init__(
        self, on_error: Callable[[AssistantError], object], on_chat: Callable[[str], object] = lambda id: None
    ) -> None:
        self._on_error = on_error
        self._on_chat = on_chat
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keeper")
        self._store: Store | None = None
        self._is_open = False
        self._chat = ""
        self._is_titled = False

    def store(self) -> "Store | None":
        """The open store, or None if it cannot be opened, which `on_error` was told, or if the app is closing. Blocks:
        not for the screen's thread.
        """
        try:
            return self._thread.submit(self._opened).result()
        except RuntimeError:  # after `close`
            return None

    def chat(self) -> str:
        """The id of the current chat, "" before its first message. Blocks like `store`."""
        return self._thread.submit(lambda: self._chat).result()

    def begin(self) -> None:
        """Start a new chat with the next message."""
        self._do(lambda store: self._continue("", is_titled=False))

    def resume(self, chat: str) -> None:
        """Continue this chat with the next message."""
        self._do(lambda store: self._continue(chat, is_titled=True))

    def said(self, text: str, ask: Ask, kind: MessageKind, on_kept: Kept = _nobody) -> None:
        """Store a conversation or a question with the settings it was sent with; `on_kept` gets the message's id."""

        def keep(store: "Store") -> None:
            settings = msgspec.to_builtins(ask)
            if self._chat:
                store.chats.set_settings(self._chat, settings)
            else:
                self._chat = store.chats.new(settings=settings).id
                self._on_chat(self._chat)
            on_kept(store.chats.add_message(self._chat, kind, text).id)
            store.chats.keep_unfinished("", TYPED, "")

        self._do(keep)

    def chose(self, ask: Ask) -> None:
        """Store the changed settings of the current chat."""
        settings = msgspec.to_builtins(ask)
        self._do(lambda store: store.chats.set_settings(self._chat, settings) if self._chat else None)

    def grew(self, text: str) -> None:
        """Store the part of the answer that is written so far."""
        self._do(lambda store: store.chats.keep_unfinished(self._chat, WRITING, text) if self._chat else None)

    def answered(self, answer: Answer, order: Sequence[int], title: str, on_kept: Kept = _nobody) -> None:
        """Store a complete answer, its drafts in the displayed order. The first one names the chat.

        `on_kept` gets the message's id.
        """

        def keep(store: "Store") -> None:
            if not self._chat:
                return
            ids = [answer.drafts[number].id for number in order]
            on_kept(store.chats.add_message(self._chat, "answer", answer.completion.answer, ids).id)
            store.chats.keep_unfinished(self._chat, WRITING, "")
            self._title(store, title)

        self._do(keep)

    def told(self, text: str, title: str) -> None:
        """Store a text in place of an answer: a refusal or an error."""

        def keep(store: "Store") -> None:
            if self._chat:
                store.chats.add_message(self._chat, "notice", text)
                store.chats.keep_unfinished(self._chat, WRITING, "")
                self._title(store, title)

        self._do(keep)

    def typed(self, text: str) -> None:
        """Store the text that is typed and not sent."""
        self._do(lambda store: store.chats.keep_unfinished("", TYPED, text))

    def named(self, title: str) -> None:
        """Rename the current chat."""

        def rename(store: "Store") -> None:
            if not self._chat:
                raise UsageError("there is no chat to name yet: send something first")
            store.chats.rename(self._chat, title)
            self._is_titled = True

        self._do(rename)

    def do(self, job: "Callable[[Store], Any]") -> None:
        """Run another task on the store, in order."""
        self._do(job)

    def close(self) -> None:
        """Finish all tasks, and close the store."""
        self._thread.submit(self._close)
        self._thread.shutdown(wait=True)

    def _do(self, job: "Callable[[Store], Any]") -> "Future[None]":
        return self._thread.submit(self._try, job)

    def _try(self, job: "Callable[[Store], Any]") -> None:
        store = self._opened()
        if store is None:
            return
        try:
            job(store)
        except AssistantError as error:
            self._on_error(error)

    def _title(self, store: "Store", title: str) -> None:
        if not self._is_titled:
            store.chats.rename(self._chat, title)
            self._is_titled = True

    def _opened(self) -> "Store | None":
        if not self._is_open:
            from assistant.feedback.store import Store

            self._is_open = True
            try:
                self._store = Store.open()
            except AssistantError as error:
                self._on_error(StoreUnavailable(f"{error} (this session is not saved)"))
            self._finish_deletions()  # a crash may have left one unfinished
        return self._store

    def _finish_deletions(self) -> None:
        if self._store is not None:
            try:
                self._store.deletions.finish()
            except AssistantError as error:
                self._on_error(error)

    def _continue(self, chat: str, *, is_titled: bool) -> None:
        self._chat, self._is_titled = chat, is_titled

    def _close(self) -> None:
        self._finish_deletions()
        if self._store is not None:
            self._store.close()
