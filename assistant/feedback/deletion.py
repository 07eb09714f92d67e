"""Deletion: a chat, an answer or a judgement goes everywhere at once and leaves its id, without a word of its text."""

import sqlite3
from collections import Counter
from collections.abc import Sequence

import msgspec

from assistant.feedback.chats import Chats
from assistant.feedback.completions import Completions
from assistant.feedback.database import now
from assistant.feedback.judgements import KINDS, Judgements
from assistant.records import Deletion

# Lists of ids travel as one JSON array, so that no statement is put together from values.
_LISTED = "(SELECT value FROM json_each(?1))"
_SHOWN_BY = "SELECT completion FROM shown JOIN messages ON messages.id = shown.message WHERE messages.chat = ?"
_SHOWN_ELSEWHERE = f"""SELECT DISTINCT completion FROM shown JOIN messages ON messages.id = shown.message
    WHERE completion IN {_LISTED} AND messages.chat != ?2"""  # noqa: S608 - our own text
# Parts of an answer, and the drafts of one request, which the first one's id groups.
_FAMILY = f"""SELECT id FROM completions WHERE id IN {_LISTED} OR part_of IN {_LISTED} OR draft_of IN {_LISTED}
    OR id IN (SELECT draft_of FROM completions WHERE id IN {_LISTED})
    OR draft_of IN (SELECT draft_of FROM completions WHERE id IN {_LISTED} AND draft_of != '')"""  # noqa: S608
_JUDGING = f"SELECT DISTINCT judgement FROM judged WHERE completion IN {_LISTED}"  # noqa: S608
_WITH_FORMER = f"""WITH RECURSIVE gone (id) AS (SELECT value FROM json_each(?1) UNION
    SELECT supersedes FROM judgements JOIN gone ON judgements.id = gone.id WHERE supersedes != '')
    SELECT judgements.id, kind FROM judgements JOIN gone ON judgements.id = gone.id"""  # noqa: F541
_TRAINED = f"SELECT DISTINCT version FROM model_sources WHERE judgement IN {_LISTED} ORDER BY 1"  # noqa: S608
_BLANK = f"UPDATE messages SET text = '' WHERE id IN (SELECT message FROM shown WHERE completion IN {_LISTED})"  # noqa: S608


class Deletions(Chats, Completions, Judgements):
    """How things leave the store. Deleted text is overwritten in the file, and gone from its journal."""

    def delete_chat(self, id: str) -> Deletion:
        """Remove a chat everywhere: messages, answers with their drafts and parts, judgements, search words.

        Answers that another chat still shows (a fork) stay with their judgements and are counted as kept.
        """
        with self.writing() as connection:
            chat = self.chat(id)
            shown = [row["completion"] for row in connection.execute(_SHOWN_BY, (chat.id,))]
            kept = {row["completion"] for row in connection.execute(_SHOWN_ELSEWHERE, (_json(shown), chat.id))}
            removed = self._remove_completions(connection, [id for id in shown if id not in kept], kept)
            connection.execute("DELETE FROM unfinished WHERE owner = ?", (chat.id,))
            connection.execute("DELETE FROM chats WHERE id = ?", (chat.id,))
            _bury(connection, "chat", [chat.id])
        self._forget_text()
        return msgspec.structs.replace(removed, chats=1, messages=chat.messages, kept=len(kept))

    def delete_completion(self, id: str) -> Deletion:
        """Remove one answer with its parts and every judgement of it; messages that showed it become empty."""
        with self.writing() as connection:
            completion = self.completion(id)
            first = completion.draft_of or completion.id
            siblings = {first, *(draft.id for draft in self.drafts_of(first))} - {completion.id}
            removed = self._remove_completions(connection, [completion.id], siblings)
        self._forget_text()
        return removed

    def delete_judgement(self, id: str) -> Deletion:
        """Remove a judgement and the earlier ones it superseded."""
        with self.writing() as connection:
            removed = _remove_judgements(connection, [self.judgement(id).id])
        self._forget_text()
        return removed

    def _remove_completions(self, connection: sqlite3.Connection, ids: Sequence[str], kept: set[str]) -> Deletion:
        family = list(ids)
        for _ in range(2):  # the drafts, then the parts of the drafts
            family = [row["id"] for row in connection.execute(_FAMILY, (_json(family),)) if row["id"] not in kept]
        judging = [row["judgement"] for row in connection.execute(_JUDGING, (_json(family),))]
        removed = _remove_judgements(connection, judging)
        connection.execute(_BLANK, (_json(family),))
        connection.executemany("DELETE FROM unfinished WHERE owner = ?", [(id,) for id in family])
        connection.executemany("DELETE FROM completions WHERE id = ?", [(id,) for id in family])
        _bury(connection, "completion", family)
        return msgspec.structs.replace(removed, completions=len(family))

    def _forget_text(self) -> None:
        """Drop what the search index and the journal still hold of deleted text. While another program reads, the
        journal keeps it until the store is next closed or written to.
        """
        with self.writing() as connection:
            for index in ("title_words", "message_words"):
                connection.execute(f"INSERT INTO {index} ({index}) VALUES ('optimize')")  # noqa: S608 - names of ours
        with self.reading() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _remove_judgements(connection: sqlite3.Connection, ids: Sequence[str]) -> Deletion:
    rows = connection.execute(_WITH_FORMER, (_json(ids),)).fetchall()
    gone = [row["id"] for row in rows]
    versions = tuple(row["version"] for row in connection.execute(_TRAINED, (_json(gone),)))
    for kind in KINDS:
        _bury(connection, kind, [row["id"] for row in rows if row["kind"] == kind])
    connection.executemany("DELETE FROM judgements WHERE id = ?", [(id,) for id in gone])
    count = Counter(row["kind"] for row in rows)
    return Deletion(ratings=count["rating"], rankings=count["ranking"], marks=count["mark"], model_versions=versions)


def _bury(connection: sqlite3.Connection, kind: str, ids: Sequence[str]) -> None:
    time = now()
    connection.executemany("INSERT OR IGNORE INTO tombstones VALUES (?, ?, ?)", [(id, kind, time) for id in ids])


def _json(ids: Sequence[str]) -> str:
    return msgspec.json.encode(list(ids)).decode()
