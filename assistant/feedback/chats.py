"""Chats and their messages: created, changed, forked, searched."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from assistant.errors import DataMissing, UsageError
from assistant.feedback.completions import find_by_id
from assistant.feedback.database import Database, kept, new_id, now
from assistant.records import Chat, Message, MessageKind

_KEPT_CHATS = kept("chats")
_IS_KEPT = f"(SELECT id FROM {_KEPT_CHATS})"  # noqa: S608 - our own text
_CHAT = f"""SELECT id, created, updated, title, settings, forked_from, pinned,
    (SELECT count(*) FROM messages WHERE messages.chat = chats.id) AS messages FROM {_KEPT_CHATS}
    """  # noqa: S608 - our own text
_FOUND = f"""{_CHAT} WHERE seq IN (SELECT rowid FROM title_words WHERE title_words MATCH ?1)
    OR id IN (SELECT chat FROM messages WHERE seq IN (SELECT rowid FROM message_words WHERE message_words MATCH ?1))
    ORDER BY pinned DESC, updated DESC, seq DESC LIMIT ?2
    """  # noqa: S608 - our own text
_MESSAGES = """SELECT messages.id, chat, created, kind, text,
    (SELECT json_group_array(completion) FROM (SELECT completion FROM shown WHERE message = messages.id
        ORDER BY position)) AS completions
    FROM messages """
_MESSAGE_PAGE = f"""{_MESSAGES}
    WHERE chat = ?1 AND chat IN {_IS_KEPT}
    AND (?2 IS NULL OR seq < (SELECT seq FROM messages WHERE id = ?2)) ORDER BY seq DESC LIMIT ?3
    """  # noqa: S608 - our own text
_MARK, _UNMARK = "\x02", "\x03"
_FOUND_MESSAGES = f"""SELECT messages.id AS message, chats.id AS chat, title, messages.created, kind,
    snippet(message_words, 0, '{_MARK}', '{_UNMARK}', '…', 24) AS excerpt
    FROM message_words JOIN messages ON messages.seq = message_words.rowid
    JOIN {_KEPT_CHATS} ON chats.id = messages.chat
    WHERE message_words MATCH ?1 ORDER BY bm25(message_words), messages.seq DESC LIMIT ?2
    """  # noqa: S608 - signs of ours
_FOUND_TITLES = f"""SELECT '' AS message, chats.id AS chat, chats.title AS title, updated AS created, 'title' AS kind,
    highlight(title_words, 0, '{_MARK}', '{_UNMARK}') AS excerpt
    FROM title_words JOIN {_KEPT_CHATS} ON chats.seq = title_words.rowid
    WHERE title_words MATCH ?1 ORDER BY bm25(title_words), updated DESC LIMIT ?2
    """  # noqa: S608 - signs of ours


class Hit(NamedTuple):
    """A search result: a message, or a chat by its title (then `message` is empty).

    `excerpt` is split into pieces, each with whether it is one of the words.
    """

    chat: str
    title: str
    message: str
    kind: str
    created: str
    excerpt: tuple[tuple[str, bool], ...]

    @property
    def word(self) -> str:
        """The first matching word, as it is written there."""
        return next((piece for piece, is_word in self.excerpt if is_word), "")


class Chats:
    """The chats in the store, with their messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def new(self, title: str = "", settings: Mapping[str, Any] | None = None, id: str = "") -> Chat:
        """Create an empty chat, under `id` if given, which must be unused, else under a new one."""
        with self._database.writing() as connection:
            return _chat_of(_insert_chat(connection, title, dict(settings or {}), "", id or new_id()))

    def has(self, id: str) -> bool:
        """Whether there is a chat with exactly this id, set aside or not."""
        with self._database.reading() as connection:
            return connection.execute("SELECT 1 FROM chats WHERE id = ?", (id,)).fetchone() is not None

    def get(self, id: str) -> Chat:
        """Return the chat whose id is `id` or uniquely starts with it. Raises DataMissing if there is none."""
        with self._database.reading() as connection:
            return _chat_of(find_by_id(connection, "chat", _CHAT, id))

    def newest(self, search: str | None = None, limit: int = 100) -> list[Chat]:
        """Return the pinned chats, then the others, most recently used first. `search` selects those whose title or one
        message has all its words; the last word may be incomplete.
        """
        with self._database.reading() as connection:
            if search is None or not search.strip():
                rows = connection.execute(f"{_CHAT}ORDER BY pinned DESC, updated DESC, seq DESC LIMIT ?", (limit,))
            else:
                rows = connection.execute(_FOUND, (_words_to_match(search), limit))
            return [_chat_of(row) for row in rows]

    def find(self, search: str, limit: int = 50) -> list[Hit]:
        """Return chats by title, then messages of all chats, that contain all the words, best first (BM25). The last
        word may be incomplete. Empty for an empty search.
        """
        if not search.strip():
            return []
        words = _words_to_match(search)
        with self._database.reading() as connection:
            rows = connection.execute(_FOUND_TITLES, (words, limit)).fetchall()
            rows += connection.execute(_FOUND_MESSAGES, (words, limit)).fetchall()
        return [_hit_of(row) for row in rows[:limit]]

    def rename(self, id: str, title: str) -> None:
        """Rename the chat."""
        with self._database.writing() as connection:
            _change_chat(connection, id, "title", title)

    def last(self) -> Chat | None:
        """Return the most recently used chat, pinned or not; None if there is none."""
        with self._database.reading() as connection:
            row = connection.execute(f"{_CHAT}ORDER BY updated DESC, seq DESC LIMIT 1").fetchone()
            return _chat_of(row) if row else None

    def pin(self, id: str, pinned: bool) -> None:
        """Pin the chat to the top of the list, or unpin it."""
        with self._database.writing() as connection:
            _change_chat(connection, id, "pinned", pinned)

    def set_settings(self, id: str, settings: Mapping[str, Any]) -> None:
        """Replace the chat's settings."""
        text = msgspec.json.encode(dict(settings)).decode()
        with self._database.writing() as connection:
            _change_chat(connection, id, "settings", text)

    def add_message(self, chat: str, kind: MessageKind, text: str, completions: Sequence[str] = ()) -> Message:
        """Append a message to the chat. The completions it shows must be in the store."""
        message = Message(
            id=new_id(), chat=chat, created=now(), kind=kind, text=text, completions=tuple(dict.fromkeys(completions))
        )
        with self._database.writing() as connection:
            _change_chat(connection, chat, "updated", message.created)
            _insert_message(connection, message)
        return message

    def change_message(self, id: str, text: str, completions: Sequence[str] | None = None) -> None:
        """Replace a message's text, and the completions it shows if given. Used to save a streamed answer."""
        with self._database.writing() as connection:
            row = connection.execute("UPDATE messages SET text = ? WHERE id = ? RETURNING chat", (text, id)).fetchone()
            if row is None:
                raise DataMissing(f"there is no message {id!r}")
            _change_chat(connection, row["chat"], "updated", now())
            if completions is not None:
                connection.execute("DELETE FROM shown WHERE message = ?", (id,))
                _show(connection, id, completions)

    def messages(self, chat: str, limit: int | None = None, before: str | None = None) -> list[Message]:
        """Return the chat's messages in order: all, or the last `limit` before the message `before`."""
        with self._database.reading() as connection:
            rows = connection.execute(_MESSAGE_PAGE, (chat, before, -1 if limit is None else limit)).fetchall()
        return [_message_of(row) for row in reversed(rows)]

    def fork(self, chat: str, after: str | None = None, title: str | None = None) -> Chat:
        """Create a chat with the same settings and the messages up to and including `after` (None: none of them)."""
        with self._database.writing() as connection:
            origin = self.get(chat)
            kept = _upto(self.messages(origin.id), after)
            name = origin.title if title is None else title
            fork = _chat_of(_insert_chat(connection, name, origin.settings, after or "", new_id()))
            for message in kept:
                _insert_message(connection, msgspec.structs.replace(message, id=new_id(), chat=fork.id))
        return msgspec.structs.replace(fork, messages=len(kept))

    def keep_unfinished(self, owner: str, kind: str, text: str) -> None:
        """Save unfinished input: text not yet sent, or an incomplete ranking, so that a crash loses nothing.

        `owner` is the id of a chat or completion, or "" before there is one; an empty `text` deletes it.
        """
        with self._database.writing() as connection:
            if text:
                connection.execute("INSERT OR REPLACE INTO unfinished VALUES (?, ?, ?)", (owner, kind, text))
            else:
                connection.execute("DELETE FROM unfinished WHERE owner = ? AND kind = ?", (owner, kind))

    def unfinished(self, owner: str, kind: str) -> str:
        """Return the unfinished input; empty if there is none."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT text FROM unfinished WHERE owner = ? AND kind = ?", (owner, kind)
            ).fetchone()
            return row["text"] if row else ""


def _hit_of(row: sqlite3.Row) -> Hit:
    pieces: list[tuple[str, bool]] = []
    for number, part in enumerate(row["excerpt"].split(_MARK)):
        word, parted, rest = part.partition(_UNMARK)
        # A mark character in the text itself that is not closed is just text.
        pieces += [(word, True), (rest, False)] if number and parted else [(part, False)]
    shown = tuple((text.replace(_UNMARK, ""), is_word) for text, is_word in pieces if text)
    return Hit(row["chat"], row["title"], row["message"], row["kind"], row["created"], shown)


def _words_to_match(search: str) -> str:
    """Return the search as an FTS5 query: every word is quoted, so that none is an operator; the last one is a prefix.
    A word without letters or digits matches anything next to other words, and nothing by itself.
    """
    words = search.replace("\0", "\ufffd").replace('"', '""').split()
    return " ".join(f'"{word}"' for word in words) + "*"


def _upto(messages: list[Message], after: str | None) -> list[Message]:
    if after is None:
        return []
    ids = [message.id for message in messages]
    if after not in ids:
        raise UsageError(f"message {after!r} is not in that chat")
    return messages[: ids.index(after) + 1]


def _insert_chat(
    connection: sqlite3.Connection, title: str, settings: dict[str, Any], forked_from: str, id: str
) -> sqlite3.Row:
    time = now()
    connection.execute(
        "INSERT INTO chats (id, created, updated, title, settings, forked_from) VALUES (?, ?, ?, ?, ?, ?)",
        (id, time, time, title, msgspec.json.encode(settings).decode(), forked_from),
    )
    return find_by_id(connection, "chat", _CHAT, id)


def _insert_message(connection: sqlite3.Connection, message: Message) -> None:
    connection.execute(
        "INSERT INTO messages (id, chat, created, kind, text) VALUES (?, ?, ?, ?, ?)",
        (message.id, message.chat, message.created, message.kind, message.text),
    )
    _show(connection, message.id, message.completions)


def _show(connection: sqlite3.Connection, message: str, completions: Sequence[str]) -> None:
    try:
        connection.executemany(
            "INSERT INTO shown VALUES (?, ?, ?)",
            [(message, position, id) for position, id in enumerate(dict.fromkeys(completions))],
        )
    except sqlite3.IntegrityError as error:
        raise DataMissing("the message shows an answer that is not in the store") from error


def _change_chat(connection: sqlite3.Connection, id: str, column: str, value: object) -> None:
    statement = f"UPDATE chats SET {column} = ? WHERE id = ? AND id IN {_IS_KEPT}"  # noqa: S608 - names of ours
    if not connection.execute(statement, (value, id)).rowcount:
        raise DataMissing(f"there is no chat {id!r}")


def _chat_of(row: sqlite3.Row) -> Chat:
    values = dict(row) | {"settings": msgspec.json.decode(row["settings"]), "pinned": bool(row["pinned"])}
    return Chat(**values)


def _message_of(row: sqlite3.Row) -> Message:
    return Message(**(dict(row) | {"completions": tuple(msgspec.json.decode(row["completions"], type=list[str]))}))
