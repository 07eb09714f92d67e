"""Ratings, rankings and marks: made, superseded, undone, looked up.

Of one rater's judgements of the same thing, one is in force. A later one supersedes it; undoing that restores it.
"""

import getpass
import sqlite3
from collections.abc import Sequence
from typing import TypeVar, cast

import msgspec

from assistant.errors import DataMissing, UsageError
from assistant.feedback.completions import find_by_id
from assistant.feedback.database import Database, kept, new_id, now
from assistant.feedback.marks import Mark, check_mark, subject_of
from assistant.records import Ranking, Rating, Thumb, Tombstone

Judged = Rating | Ranking | Mark
AnyJudgement = TypeVar("AnyJudgement", bound=Judged)
KINDS: dict[str, type[Rating] | type[Ranking] | type[Mark]] = {"rating": Rating, "ranking": Ranking, "mark": Mark}

_SELECT = f"SELECT seq, id, kind, body, ended, ended_by FROM {kept('judgements')}"  # noqa: S608 - names of ours
_PAGE = f"{_SELECT}WHERE kind = ?1 AND (?2 OR ended = '') ORDER BY seq DESC LIMIT ?3"
_OF_COMPLETION = f"{_SELECT}WHERE id IN (SELECT judgement FROM judged WHERE completion = ?) ORDER BY seq"  # noqa: S608
_IN_FORCE = f"SELECT id FROM {kept('judgements')}WHERE rater = ? AND subject = ? AND ended = ''"  # noqa: S608 - names of ours
_TOMBSTONES = "SELECT id, kind AS noun, deleted FROM tombstones ORDER BY deleted, id"
_TRAINED = "SELECT DISTINCT version FROM model_sources WHERE judgement IN (SELECT value FROM json_each(?)) ORDER BY 1"
_END_MARKS = """UPDATE judgements SET ended = ?, ended_by = 'undone' WHERE kind = 'mark' AND rater = ? AND ended = ''
    AND json_extract(body, '$.says') != 'fix'"""
_TEACH_NO_MORE = """UPDATE judgements SET body = json_set(body, '$.numbers', json('{}'))
    WHERE kind = 'mark' AND rater = ? AND json_extract(body, '$.says') = 'fix'"""
_REINSTATE = "UPDATE judgements SET ended = '', ended_by = '' WHERE id = ?"
_ADD = """INSERT INTO judgements (id, kind, rater, subject, body, supersedes, ended, ended_by)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""


def local_rater() -> str:
    """Return the rater's name for judgements made here: the user's account name, or "me" if there is none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "me"


class Judgements:
    """The ratings, rankings and marks in the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rate(
        self,
        completion: str,
        thumb: Thumb,
        *,
        rater: str,
        reasons: Sequence[str] = (),
        comment: str = "",
        confidence: float | None = None,
        guideline: str = "",
    ) -> Rating:
        """Save a rating of an answer; it supersedes the rater's earlier one of the same answer."""
        return self.judge(
            Rating(
                id=new_id(),
                created=now(),
                rater=rater,
                completion=completion,
                thumb=thumb,
                reasons=tuple(reasons),
                comment=comment,
                confidence=confidence,
                guideline=guideline,
            ),
            made_now=True,
        )

    def rank(
        self,
        groups: Sequence[Sequence[str]],
        *,
        rater: str,
        failed: Sequence[str] = (),
        shown: Sequence[str] = (),
        reasons: Sequence[str] = (),
        comment: str = "",
        confidence: float | None = None,
        guideline: str = "",
        repeat_of: str = "",
    ) -> Ranking:
        """Save a ranking: completion ids in groups, best first, ties inside a group, and those that failed.

        It supersedes the rater's earlier ranking of the same answers, unless it is a blind repeat of that one.
        """
        return self.judge(
            Ranking(
                id=new_id(),
                created=now(),
                rater=rater,
                groups=tuple(tuple(group) for group in groups if group),
                failed=tuple(failed),
                shown=tuple(shown),
                reasons=tuple(reasons),
                comment=comment,
                confidence=confidence,
                guideline=guideline,
                repeat_of=repeat_of,
            ),
            made_now=True,
        )

    def judge(self, judgement: AnyJudgement, *, supersede: bool = True, made_now: bool = False) -> AnyJudgement:
        """Save a judgement as it is. If it supersedes another, return it with that one's id.

        A judgement `made_now` is the latest, whatever the time of an earlier one: the clock may have been wrong then.

        Raises UsageError for an invalid judgement, DataMissing if its answer is not in the store.
        """
        check_judgement(judgement)
        with self._database.writing() as connection:
            if supersede and not judgement.ended:
                judgement = self._supersede(connection, judgement, made_now)
            _insert(connection, judgement)
        return judgement

    def get(self, id: str) -> Judged:
        """Return the judgement whose id is `id` or uniquely starts with it. Raises DataMissing if there is none."""
        with self._database.reading() as connection:
            return _record_of(find_by_id(connection, "judgement", _SELECT, id))

    def ratings(self, limit: int | None = None, *, history: bool = False) -> list[Rating]:
        """Return the ratings in force, newest first; with `history` also ended ones."""
        return cast(list[Rating], self._page("rating", limit, history))

    def rankings(self, limit: int | None = None, *, history: bool = False) -> list[Ranking]:
        """Return the rankings in force, newest first; with `history` also ended ones."""
        return cast(list[Ranking], self._page("ranking", limit, history))

    def marks(self, limit: int | None = None, *, history: bool = False) -> list[Mark]:
        """Return the marks on parts of digests in force, newest first; with `history` also ended ones."""
        return cast(list[Mark], self._page("mark", limit, history))

    def forget_marks(self, rater: str) -> int:
        """End a rater's marks that keep or drop parts, so that they are no longer learned from, and return their
        number. Corrected to-dos stay corrected, but are no longer learned from either.
        """
        with self._database.writing() as connection:
            connection.execute(_TEACH_NO_MORE, (rater,))
            return connection.execute(_END_MARKS, (now(), rater)).rowcount

    def of_completion(self, completion: str) -> list[Judged]:
        """Return all judgements of an answer, oldest first, including superseded and undone ones."""
        with self._database.reading() as connection:
            return [_record_of(row) for row in connection.execute(_OF_COMPLETION, (completion,))]

    def undo(self, id: str) -> Judged | None:
        """Undo a judgement in force, restore the one it superseded, and return that."""
        with self._database.writing() as connection:
            undone = self.get(id)
            if undone.ended:
                raise UsageError(f"{undone.id} was {undone.ended_by} already")
            _end(connection, undone.id, "undone")
            reinstated = connection.execute(_REINSTATE, (undone.supersedes,)).rowcount
            return self.get(undone.supersedes) if reinstated else None

    def link_version(self, version: str, judgements: Sequence[str]) -> None:
        """Record that a model version was trained with these judgements."""
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO model_sources VALUES (?, ?)", [(version, id) for id in judgements]
            )

    def sources_of(self, version: str) -> list[str]:
        """Return the ids of the judgements that trained a model version; some may have been deleted since."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT judgement FROM model_sources WHERE version = ? ORDER BY 1", (version,))
            return [row["judgement"] for row in rows]

    def versions_with(self, judgements: Sequence[str]) -> list[str]:
        """Return the model versions trained with any of these judgements."""
        with self._database.reading() as connection:
            rows = connection.execute(_TRAINED, (msgspec.json.encode(list(judgements)).decode(),))
            return [row["version"] for row in rows]

    def tombstones(self) -> list[Tombstone]:
        """Return what was deleted, oldest first."""
        with self._database.reading() as connection:
            return [Tombstone(**row) for row in connection.execute(_TOMBSTONES)]

    def add_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        """Record what was deleted elsewhere. Deletes nothing here."""
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO tombstones (id, kind, deleted) VALUES (?, ?, ?)",
                [(stone.id, stone.noun, stone.deleted) for stone in tombstones],
            )

    def _supersede(self, connection: sqlite3.Connection, judgement: AnyJudgement, made_now: bool) -> AnyJudgement:
        row = connection.execute(_IN_FORCE, (judgement.rater, _subject(judgement))).fetchone()
        if row is None:
            return judgement
        before = self.get(row["id"]).created
        if before > judgement.created and not made_now:  # imported: the rater has judged again since
            return msgspec.structs.replace(judgement, ended=now(), ended_by="superseded")
        judgement = msgspec.structs.replace(judgement, created=max(judgement.created, before))
        _end(connection, row["id"], "superseded")
        return msgspec.structs.replace(judgement, supersedes=row["id"])

    def _page(self, kind: str, limit: int | None, history: bool) -> list[Judged]:
        with self._database.reading() as connection:
            rows = connection.execute(_PAGE, (kind, history, -1 if limit is None else limit))
            return [_record_of(row) for row in rows]


def check_judgement(judgement: Judged) -> None:
    """Raise UsageError if a judgement is invalid by itself."""
    if judgement.confidence is not None and not 0 <= judgement.confidence <= 1:
        raise UsageError(f"confidence must be 0 to 1, not {judgement.confidence:g}")
    if isinstance(judgement, Mark):
        check_mark(judgement)
    if isinstance(judgement, Ranking):
        ids = judgement.completions
        if len(ids) < 2:
            raise UsageError("a ranking needs at least two answers")
        if len(set(ids)) < len(ids):
            raise UsageError("a ranking names an answer twice")


def _insert(connection: sqlite3.Connection, judgement: Judged) -> None:
    kind = kind_of(judgement)
    body = msgspec.json.encode(msgspec.structs.replace(judgement, ended="", ended_by="")).decode()
    row = (judgement.id, kind, judgement.rater, _subject(judgement), body)
    connection.execute(_ADD, (*row, judgement.supersedes, judgement.ended, judgement.ended_by))
    try:
        connection.executemany("INSERT INTO judged VALUES (?, ?)", [(judgement.id, id) for id in judged_by(judgement)])
    except sqlite3.IntegrityError as error:
        raise DataMissing("an answer that was judged is not in the store") from error


def _end(connection: sqlite3.Connection, id: str, how: str) -> None:
    connection.execute("UPDATE judgements SET ended = ?, ended_by = ? WHERE id = ?", (now(), how, id))


def kind_of(judgement: Judged) -> str:
    """Return the name of its kind, used in the database and in files."""
    return next(kind for kind, record in KINDS.items() if isinstance(judgement, record))


def judged_by(judgement: Judged) -> tuple[str, ...]:
    """Return the ids of the answers that it judges."""
    return judgement.completions if isinstance(judgement, Ranking) else (judgement.completion,)


def _subject(judgement: Judged) -> str:
    if isinstance(judgement, Rating):
        return judgement.completion
    if isinstance(judgement, Mark):
        return subject_of(judgement)
    return " ".join([*sorted(judgement.completions), "again" if judgement.repeat_of else "ranked", judgement.repeat_of])


def _record_of(row: sqlite3.Row) -> Judged:
    record: Judged = msgspec.json.decode(row["body"], type=KINDS[row["kind"]])
    return msgspec.structs.replace(record, ended=row["ended"], ended_by=row["ended_by"])
