"""Delete a chat, and bring it back."""

from typing import TYPE_CHECKING

from assistant.records import Chat, Deletion
from assistant.tui.chat.judging import Judging
from assistant.tui.chat.kept import KeptChats
from assistant.tui.chat.parts import ChatParts
from assistant.tui.chat.requests import Requests
from assistant.tui.commands import command_named, key_of
from assistant.tui.wording.judged import describe_deletion, name_of

if TYPE_CHECKING:
    from assistant.feedback.store import Store

NOTICE_SECONDS = 15
"""How long the notice of a deletion stays. The chat can be restored until the next deletion or the end of the app."""


class Deleting:
    """Deletions with undo: the store keeps the chat until the next deletion or the end of the app."""

    def __init__(self, parts: ChatParts, requests: Requests, kept: KeptChats, judging: Judging) -> None:
        self._parts = parts
        self._parley = parts.parley
        self._screen = parts.screen
        self._requests = requests
        self._kept = kept
        self._judging = judging
        self._deleted = ""
        self._was_in_view = False

    def delete(self) -> None:
        """Delete the current chat."""
        if self._parts.chat:
            self.delete_chat(self._parts.chat)
        else:
            self._screen.notify("There is no chat to delete yet: this one has no message.")

    def delete_chat(self, id: str) -> None:
        """Delete a chat, unless an answer is being written in it."""

        def set_aside(store: "Store") -> None:
            chat = store.chats.get(id)
            self._screen.call_later(self._show_deleted, chat, store.deletions.set_aside(chat.id))

        if id != self._parts.chat or self._requests.is_free():
            self._parley.keeper.do(set_aside)

    async def _show_deleted(self, chat: Chat, takes: Deletion) -> None:
        """Say what was deleted; `takes` is what was deleted with the chat."""
        self._deleted, self._was_in_view = chat.id, chat.id == self._parts.chat
        key = key_of(command_named("undo"), self._parley.settings.keys)
        back = f"{key} or /undo brings it back." if key else "/undo brings it back."
        self._screen.notify(f"Deleted {describe_deletion(chat, takes)}. {back}", timeout=NOTICE_SECONDS)
        if self._was_in_view:
            await self._kept.new_chat()
        self._parts.composer.editor.yields_undo = True
        self._count_anew()

    def undo(self) -> None:
        """Bring back the last deleted chat."""
        id, self._deleted = self._deleted, ""
        self._parts.composer.editor.yields_undo = False
        if id:
            self._parley.keeper.do(
                lambda store: self._screen.call_later(self._show_brought_back, store.deletions.bring_back(id))
            )
        else:
            self._screen.notify("There is no deleted chat to bring back.")

    def _show_brought_back(self, chat: Chat) -> None:
        self._screen.notify(f"{name_of(chat)} is back.")
        if self._was_in_view and not self._parts.chat and self._requests.is_free():
            self._kept.open_chat(chat.id)
        self._count_anew()

    def _count_anew(self) -> None:
        self._parts.chats.look()
        self._judging.show_loop()
