"""Deletion: removes a chat, an answer or a judgement everywhere, leaving only its id."""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from assistant.errors import DataMissing
from assistant.feedback.chats import Chats
from assistant.feedback.completions import Completions
from assistant.feedback.database import ASIDE, Database, now
from assistant.feedback.judgements import KINDS, Judgements
from assistant.records import Chat, Deletion

# Lists of ids are passed as one JSON array, so that no statement is built from values.
_LISTED = "(SELECT value FROM json_each(?1))"
_SHOWN_BY = "SELECT completion FROM shown JOIN messages ON messages.id = shown.message WHERE messages.chat = ?"
_SHOWN_ELSEWHERE = f"""SELECT DISTINCT completion FROM shown JOIN messages ON messages.id = shown.message
    WHERE completion IN {_LISTED} AND messages.chat != ?2"""  # noqa: S608 - our own text
# The parts of an answer, and the drafts of its request, which the id of the first draft groups.
_FAMILY = f"""SELECT id FROM completions WHERE id IN {_LISTED} OR part_of IN {_LISTED} OR draft_of IN {_LISTED}
    OR id IN (SELECT draft_of FROM completions WHERE id IN {_LISTED})
    OR draft_of IN (SELECT draft_of FROM completions WHERE id IN {_LISTED} AND draft_of != '')"""  # noqa: S608
_JUDGING = f"SELECT DISTINCT judgement FROM judged WHERE completion IN {_LISTED}"  # noqa: S608
_WITH_FORMER = f"""WITH RECURSIVE gone (id) AS (SELECT value FROM json_each(?1) UNION
    SELECT supersedes FROM judgements JOIN gone ON judgements.id = gone.id WHERE supersedes != '')
    SELECT judgements.id, kind FROM judgements JOIN gone ON judgements.id = gone.id"""  # noqa: F541
_TRAINED = f"SELECT DISTINCT version FROM model_sources WHERE judgement IN {_LISTED} ORDER BY 1"  # noqa: S608
_BLANK = f"UPDATE messages SET text = '' WHERE id IN (SELECT message FROM shown WHERE completion IN {_LISTED})"  # noqa: S608


class Deletions:
    """Deletes from the store. Deleted text is overwritten in the file and removed from its journal.

    A chat may be set aside first: it is hidden, and can be brought back complete until the deletion is finished. Any
    other deletion finishes it, since a fork may share answers.
    """

    def __init__(self, database: Database, chats: Chats, completions: Completions, judgements: Judgements) -> None:
        self._database = database
        self._chats = chats
        self._completions = completions
        self._judgements = judgements

    def delete_chat(self, id: str) -> Deletion:
        """Delete a chat everywhere: messages, answers with their drafts and parts, judgements, search words.

        Answers that another chat still shows (a fork) are kept with their judgements, and counted as `kept`.
        """
        with self._database.writing() as connection:
            self._finish(connection)
            chat = self._chats.get(id)
            going = _going_with(connection, chat.id)
            _remove(connection, going)
        self._database.forget_text()
        return going.in_numbers(chat)

    def set_aside(self, id: str) -> Deletion:
        """Hide a chat with everything that `delete_chat` would remove, and return what that is. `bring_back` restores
        it, `finish` deletes it. A chat set aside before is deleted now.
        """
        with self._database.writing() as connection:
            has_finished = self._finish(connection)
            chat = self._chats.get(id)
            going = _going_with(connection, chat.id)
            rows = [(chat.id, ASIDE, "chat")]
            rows += [(id, ASIDE, "completion") for id in going.completions]
            rows += [(id, ASIDE, kind) for id, kind in going.judgements.items()]
            connection.executemany("INSERT INTO unfinished VALUES (?, ?, ?)", rows)
        if has_finished:
            self._database.forget_text()
        return going.in_numbers(chat)

    def bring_back(self, id: str) -> Chat:
        """Restore the chat that was set aside. Raises DataMissing if it is already deleted."""
        with self._database.writing() as connection:
            if id not in _set_aside(connection):
                raise DataMissing(f"the chat {id!r} is deleted for good: it cannot be brought back")
            connection.execute("DELETE FROM unfinished WHERE kind = ?", (ASIDE,))
            return self._chats.get(id)

    def finish(self) -> None:
        """Delete what was set aside, if anything."""
        with self._database.reading() as connection:
            if not _set_aside(connection):
                return
        with self._database.writing() as connection:
            self._finish(connection)
        self._database.forget_text()

    def delete_completion(self, id: str) -> Deletion:
        """Delete an answer with its parts and all its judgements; messages that show it become empty."""
        with self._database.writing() as connection:
            self._finish(connection)
            completion = self._completions.get(id)
            first = completion.draft_of or completion.id
            siblings = {first, *(draft.id for draft in self._completions.drafts_of(first))} - {completion.id}
            going = _going(connection, [completion.id], siblings)
            _remove(connection, going)
        self._database.forget_text()
        return going.in_numbers()

    def delete_judgement(self, id: str) -> Deletion:
        """Delete a judgement and the earlier ones it superseded."""
        with self._database.writing() as connection:
            going = _with_judgements(connection, [self._judgements.get(id).id])
            _remove(connection, going)
        self._database.forget_text()
        return going.in_numbers()

    def _finish(self, connection: sqlite3.Connection) -> bool:
        """Delete what was set aside, and return whether anything was."""
        chats = _set_aside(connection)
        connection.execute("DELETE FROM unfinished WHERE kind = ?", (ASIDE,))
        for id in chats:
            _remove(connection, _going_with(connection, id))  # computed again: another program may have added to it
        return bool(chats)


class _Going(NamedTuple):
    """What a deletion removes: ids of the answers, kinds of the judgements by id; `kept` as in Deletion."""

    chat: str = ""
    completions: tuple[str, ...] = ()
    judgements: Mapping[str, str] = {}
    versions: tuple[str, ...] = ()
    kept: int = 0

    def in_numbers(self, chat: Chat | None = None) -> Deletion:
        """Return the deletion as counts."""
        kinds = Counter(self.judgements.values())
        return Deletion(
            chats=int(chat is not None),
            messages=chat.messages if chat is not None else 0,
            completions=len(self.completions),
            ratings=kinds["rating"],
            rankings=kinds["ranking"],
            marks=kinds["mark"],
            kept=self.kept,
            model_versions=self.versions,
        )


def _set_aside(connection: sqlite3.Connection) -> list[str]:
    """Return the ids of the chats set aside, at most one."""
    rows = connection.execute("SELECT owner FROM unfinished WHERE kind = ? AND text = 'chat'", (ASIDE,))
    return [row["owner"] for row in rows]


def _going_with(connection: sqlite3.Connection, chat: str) -> _Going:
    shown = [row["completion"] for row in connection.execute(_SHOWN_BY, (chat,))]
    kept = {row["completion"] for row in connection.execute(_SHOWN_ELSEWHERE, (_json(shown), chat))}
    return _going(connection, [id for id in shown if id not in kept], kept)._replace(chat=chat, kept=len(kept))


def _going(connection: sqlite3.Connection, ids: Sequence[str], kept: set[str]) -> _Going:
    family = list(ids)
    for _ in range(2):  # first the drafts, then the parts of the drafts
        family = [row["id"] for row in connection.execute(_FAMILY, (_json(family),)) if row["id"] not in kept]
    judging = [row["judgement"] for row in connection.execute(_JUDGING, (_json(family),))]
    return _with_judgements(connection, judging)._replace(completions=tuple(family))


def _with_judgements(connection: sqlite3.Connection, ids: Sequence[str]) -> _Going:
    kinds = {row["id"]: row["kind"] for row in connection.execute(_WITH_FORMER, (_json(ids),))}
    versions = tuple(row["version"] for row in connection.execute(_TRAINED, (_json(list(kinds)),)))
    return _Going(judgements=kinds, versions=versions)


def _remove(connection: sqlite3.Connection, going: _Going) -> None:
    for kind in KINDS:
        _bury(connection, kind, [id for id, its in going.judgements.items() if its == kind])
    connection.executemany("DELETE FROM judgements WHERE id = ?", [(id,) for id in going.judgements])
    connection.execute(_BLANK, (_json(going.completions),))
    connection.executemany("DELETE FROM unfinished WHERE owner = ?", [(id,) for id in going.completions])
    connection.executemany("DELETE FROM completions WHERE id = ?", [(id,) for id in going.completions])
    _bury(connection, "completion", going.completions)
    if going.chat:
        connection.execute("DELETE FROM unfinished WHERE owner = ?", (going.chat,))
        connection.execute("DELETE FROM chats WHERE id = ?", (going.chat,))
        _bury(connection, "chat", [going.chat])


def _bury(connection: sqlite3.Connection, kind: str, ids: Sequence[str]) -> None:
    time = now()
    connection.executemany("INSERT OR IGNORE INTO tombstones VALUES (?, ?, ?)", [(id, kind, time) for id in ids])


def _json(ids: Sequence[str]) -> str:
    return msgspec.json.encode(list(ids)).decode()
