"""Deleting a chat, and bringing it back. The conversation screen brings these along."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from assistant.records import Chat, Deletion
from assistant.tui.commands import command_named, key_of
from assistant.tui.judged import describe_deletion, name_of
from assistant.tui.messages import ChatDeletionAsked
from assistant.tui.screens.parts import ConversationParts

if TYPE_CHECKING:
    from assistant.feedback.store import Store

NOTICE_SECONDS = 15
"""How long the notice of a deletion stands. The chat can be brought back until another is deleted or the app ends."""


@dataclass
class ChatDeleted(Message):
    """A chat is set aside, with what the deletion takes along."""

    chat: Chat
    takes: Deletion


@dataclass
class ChatBroughtBack(Message):
    """The chat deleted last is there again."""

    chat: Chat


class Deleting(ConversationParts):
    """Deletions that can be taken back: the store sets the chat aside until the next deletion or the app's end."""

    deleted = ""
    """The id of the chat that can be brought back, "" for none."""
    was_in_view = False

    def action_delete(self) -> None:
        """Delete the chat in view."""
        if self.chat:
            self._delete(self.chat)
        else:
            self.notify("There is no chat to delete yet: this one has no message.")

    def on_chat_deletion_asked(self, event: ChatDeletionAsked) -> None:
        self._delete(event.id)

    def _delete(self, id: str) -> None:
        def set_aside(store: "Store") -> None:
            chat = store.chat(id)
            self.post_message(ChatDeleted(chat, store.set_chat_aside(chat.id)))

        if id != self.chat or self.is_free():
            self.parley.keeper.do(set_aside)

    async def on_chat_deleted(self, event: ChatDeleted) -> None:
        self.deleted, self.was_in_view = event.chat.id, event.chat.id == self.chat
        key = key_of(command_named("undo"), self.parley.settings.keys)
        back = f"{key} or /undo brings it back." if key else "/undo brings it back."
        self.notify(f"Deleted {describe_deletion(event.chat, event.takes)}. {back}", timeout=NOTICE_SECONDS)
        if self.was_in_view:
            await self.action_new_chat()
        self.composer.editor.yields_undo = True
        self._show_count()

    def action_undo(self) -> None:
        """Bring back the chat deleted last."""
        id, self.deleted = self.deleted, ""
        self.composer.editor.yields_undo = False
        if id:
            self.parley.keeper.do(lambda store: self.post_message(ChatBroughtBack(store.bring_chat_back(id))))
        else:
            self.notify("There is no deleted chat to bring back.")

    def on_chat_brought_back(self, event: ChatBroughtBack) -> None:
        self.notify(f"{name_of(event.chat)} is back.")
        if self.was_in_view and not self.chat and self.is_free():
            self.parley.open_chat(event.chat.id)
        self._show_count()

    def _show_count(self) -> None:
        self.chats.look()
        self.show_loop()
