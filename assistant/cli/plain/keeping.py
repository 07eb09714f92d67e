"""Stores the current chat, as the app does."""

from collections.abc import Sequence

import msgspec

from assistant.feedback.store import Store
from assistant.records import Answer, Ask, Message, MessageKind
from assistant.terminal import shortened


class ChatInView:
    """The current chat in the store. The first message creates it; until then `id` is empty."""

    def __init__(self, store: Store, id: str = "") -> None:
        self._store = store
        self.id = id

    def said(self, kind: MessageKind, text: str, ask: Ask) -> None:
        """Add a message from the user, and store the settings that it was sent with."""
        settings = msgspec.to_builtins(ask)
        if self.id:
            self._store.chats.set_settings(self.id, settings)
        else:
            self.id = self._store.chats.new(settings=settings).id
        self._store.chats.add_message(self.id, kind, text)

    def answered(self, answer: Answer, title: str) -> None:
        """Add an answer. The first answer or notice names the chat."""
        ids = [draft.id for draft in answer.drafts]
        self._add("answer", answer.completion.answer, ids, title)

    def told(self, text: str, title: str) -> None:
        """Add a notice in place of an answer."""
        self._add("notice", text, (), title)

    def _add(self, kind: MessageKind, text: str, completions: Sequence[str], title: str) -> Message:
        message = self._store.chats.add_message(self.id, kind, text, completions)
        if not self._store.chats.get(self.id).title:
            self._store.chats.rename(self.id, shortened(title or text))
        return message
