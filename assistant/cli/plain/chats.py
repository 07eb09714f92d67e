"""Commands on stored chats: list, resume, rename, export, delete and undo."""

from pathlib import Path
from typing import cast, get_args

from textual.message import Message

from assistant.cli.output import say
from assistant.cli.plain.keeping import ChatInView
from assistant.cli.plain.session import Session
from assistant.dialogue import describe
from assistant.errors import UsageError
from assistant.records import Chat
from assistant.terminal import one_line
from assistant.tui.exporting import Kind, export_chat
from assistant.tui.messages import ChatOpened, Entry
from assistant.tui.wording.judged import describe_deletion
from assistant.tui.workers.asking import ask_of, open_chat

MOST_LISTED = 20


class KeptChats:
    """Commands on chats. A chat is given by its number in the last list, or by its id or the beginning of its id."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._store = session.store
        self._listed: list[str] = []
        self._deleted = ""

    def list(self, words: str = "") -> None:
        """List the chats used last, or those that contain the words."""
        chats = self._store.chats.newest(words or None, MOST_LISTED)
        self._listed = [chat.id for chat in chats]
        for number, chat in enumerate(chats, 1):
            pinned = ", pinned" if chat.pinned else ""
            say(f"{number}. {_title(chat)}, {chat.updated[:10]}, {_messages(chat)}{pinned}")
        if not chats:
            say("No chat contains these words." if words else "There are no chats yet.")

    def resume(self, which: str) -> None:
        """Print a chat and continue it."""
        found: list[Message] = []
        open_chat(self._store, self._chat(which).id, found.append)
        opened = next(one for one in found if isinstance(one, ChatOpened))
        session = self._session
        session.forget()
        session.chat = ChatInView(self._store, opened.chat.id)
        session.ask = ask_of(opened.chat, session.default_ask)
        say(f"{_title(opened.chat)}, {_messages(opened.chat)}.")
        for entry in opened.entries:
            self._show(entry)

    def new(self, _: str = "") -> None:
        """Start a new chat."""
        self._session.forget()
        self._session.chat = ChatInView(self._store)
        self._session.ask = self._session.default_ask
        say("A new chat.")

    def title(self, title: str) -> None:
        """Rename the current chat."""
        if not title:
            raise UsageError("give the title: /title Standup of Monday")
        self._store.chats.rename(self._in_view(), one_line(title))
        say(f"This chat is called {one_line(title)}.")

    def export(self, kind: str) -> None:
        """Write the current chat to a file in the working directory."""
        kind = kind or "md"
        if kind not in get_args(Kind):
            raise UsageError(f"no format {kind!r} for a chat; there are md, html and json")
        say(f"Written to {export_chat(self._store, self._in_view(), cast(Kind, kind), Path.cwd())}")

    def delete(self, which: str) -> None:
        """Delete a chat, by default the current one."""
        chat = self._chat(which) if which else self._store.chats.get(self._in_view())
        takes = self._store.deletions.set_aside(chat.id)
        self._deleted = chat.id
        if chat.id == self._session.chat.id:
            self._session.forget()
            self._session.chat = ChatInView(self._store)
        say(f"Deleted {describe_deletion(chat, takes)}. /undo brings it back until you delete another or leave.")

    def undo(self, _: str = "") -> None:
        """Bring back the last deleted chat."""
        if not self._deleted:
            raise UsageError("there is no deleted chat to bring back")
        deleted, self._deleted = self._deleted, ""
        say(f"{_title(self._store.deletions.bring_back(deleted))} is back. /chats lists it.")

    def _chat(self, which: str) -> Chat:
        if not which:
            raise UsageError("say which: a number of the last /chats, or an id")
        if which.isdigit() and 1 <= int(which) <= len(self._listed):
            return self._store.chats.get(self._listed[int(which) - 1])
        return self._store.chats.get(which)

    def _in_view(self) -> str:
        if not self._session.chat.id:
            raise UsageError("this chat has no message yet: paste a conversation, or /resume a chat")
        return self._session.chat.id

    def _show(self, entry: Entry) -> None:
        session = self._session
        if entry.dialogue is not None:
            session.dialogue = entry.dialogue
            say(f"{describe(entry.dialogue)}. /turns reads it out.")
        elif entry.is_question:
            say(f"You: {entry.text}")
        elif entry.answer is None:
            say(f"Note: {entry.text}")
        else:
            session.reply = entry.answer
            session.written = "" if entry.digest is not None else entry.answer.completion.answer
            rated = f" ({entry.verdict})" if entry.verdict else ""
            for draft in entry.answer.drafts:
                say(f"Answer{rated}:\n{draft.answer}")


def _title(chat: Chat) -> str:
    return one_line(chat.title) or "untitled"


def _messages(chat: Chat) -> str:
    return f"{chat.messages} {'message' if chat.messages == 1 else 'messages'}"
