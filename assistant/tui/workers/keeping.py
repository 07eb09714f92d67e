"""Writes what happens in a chat to the store, one thing after another in a thread of its own, so that no key waits for
the disk and nothing overtakes anything.
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
    """Nobody wants to hear it."""


class Keeper:
    """The chat in view, on its way to the disk. Methods return at once; `on_error` hears what went wrong, `on_chat`
    the id of a chat when it gets one."""

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
        """The open store, or None where it cannot be used, which was then said. Waits: not for the screen's thread."""
        return self._thread.submit(self._opened).result()

    def chat(self) -> str:
        """The id of the chat in view, "" before it has a message. Waits like `store`."""
        return self._thread.submit(lambda: self._chat).result()

    def begin(self) -> None:
        """The next message starts another chat."""
        self._do(lambda store: self._continue("", is_titled=False))

    def resume(self, chat: str) -> None:
        """The next message goes on with this chat."""
        self._do(lambda store: self._continue(chat, is_titled=True))

    def said(self, text: str, ask: Ask, kind: MessageKind, on_kept: Kept = _nobody) -> None:
        """A conversation or a question was sent, asked about in this way; `on_kept` hears the message's id."""

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
        """The chat in view is asked differently from now on."""
        settings = msgspec.to_builtins(ask)
        self._do(lambda store: store.chats.set_settings(self._chat, settings) if self._chat else None)

    def grew(self, text: str) -> None:
        """So much of the answer is written."""
        self._do(lambda store: store.chats.keep_unfinished(self._chat, WRITING, text) if self._chat else None)

    def answered(self, answer: Answer, order: Sequence[int], title: str, on_kept: Kept = _nobody) -> None:
        """The answer is complete, its drafts shown in that order; the first one names the chat. `on_kept` hears the
        message's id.
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
        """A request came to this instead of an answer: a refusal, or what went wrong."""

        def keep(store: "Store") -> None:
            if self._chat:
                store.chats.add_message(self._chat, "notice", text)
                store.chats.keep_unfinished(self._chat, WRITING, "")
                self._title(store, title)

        self._do(keep)

    def typed(self, text: str) -> None:
        """So much is typed and not sent."""
        self._do(lambda store: store.chats.keep_unfinished("", TYPED, text))

    def named(self, title: str) -> None:
        """The chat in view has this title from now on."""

        def rename(store: "Store") -> None:
            if not self._chat:
                raise UsageError("there is no chat to name yet: send something first")
            store.chats.rename(self._chat, title)
            self._is_titled = True

        self._do(rename)

    def do(self, job: "Callable[[Store], Any]") -> None:
        """Anything else, in its turn."""
        self._do(job)

    def close(self) -> None:
        """Finish what is to be written, and close the store."""
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
            self._finish_deletions()  # a crash may have left one
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
