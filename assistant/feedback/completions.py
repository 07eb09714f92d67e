"""The completions table: every answer, with what is needed to reproduce it."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from assistant.errors import DataMissing, UsageError
from assistant.feedback.database import Database, kept
from assistant.records import Completion, GenerationSettings

_COLUMNS = (
    "id, created, prompt, mode, task, prompt_version, model, backend, backend_version, settings, answer, rationale, "
    "finished, prompt_tokens, completion_tokens, seconds, draft_of, draft_index, part_of, passage_ids"
)
_ADD = f"""INSERT INTO completions ({_COLUMNS})
    VALUES (:id, :created, :prompt, :mode, :task, :prompt_version, :model, :backend, :backend_version, :settings,
        :answer, :rationale, :finished, :prompt_tokens, :completion_tokens, :seconds,
        :draft_of, :draft_index, :part_of, :passage_ids)
    ON CONFLICT (id) DO UPDATE SET answer = excluded.answer, rationale = excluded.rationale,
        finished = excluded.finished, completion_tokens = excluded.completion_tokens, seconds = excluded.seconds
        WHERE completions.finished = 'cancelled'
    """  # noqa: S608 - column names of ours
_SELECT = f"SELECT {_COLUMNS} FROM {kept('completions')}"  # noqa: S608 - column names of ours
_PAGE = f"""{_SELECT}
    WHERE part_of = '' AND (?1 IS NULL OR seq < (SELECT seq FROM completions WHERE id = ?1))
    ORDER BY seq DESC LIMIT ?2
    """  # noqa: S608 - column names of ours
_NAMED = f"{_SELECT}WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608 - column names of ours
_JUDGED = f"""{_SELECT} WHERE id IN
    (SELECT completion FROM judged JOIN {kept("judgements")} ON judgements.id = judged.judgement) ORDER BY seq
    """  # noqa: S608 - column names of ours


class Completions:
    """The answers in the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, completions: Sequence[Completion]) -> None:
        """Save the answers, atomically. A "cancelled" answer may be added again with more text under the same id, so
        that it can be saved while it is being written; a finished one never changes.
        """
        with self._database.writing() as connection:
            connection.executemany(_ADD, [_row_of(completion) for completion in completions])

    def add_digests(self, bodies: Mapping[str, str]) -> None:
        """Save the parts of digests, as JSON by the id of the answer that shows them. They are
        deleted with the answer.
        """
        with self._database.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?)", list(bodies.items()))

    def digest(self, id: str) -> str:
        """Return what `add_digests` saved for the answer; empty if it is no digest, or was stored without its parts."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT body FROM digests WHERE completion = ?", (id,)).fetchone()
            return row["body"] if row else ""

    def get(self, id: str) -> Completion:
        """Return the answer whose id is `id` or uniquely starts with it. Raises DataMissing if there is none."""
        with self._database.reading() as connection:
            return _record_of(find_by_id(connection, "answer", _SELECT, id))

    def newest(self, limit: int = 50, before: str | None = None) -> list[Completion]:
        """Return the latest complete answers, newest first; `before` is the id of the last one already seen."""
        with self._database.reading() as connection:
            rows = connection.execute(_PAGE, (before, limit))
            return [_record_of(row) for row in rows]

    def drafts_of(self, request: str) -> list[Completion]:
        """Return all drafts of a request, in the order they were written."""
        with self._database.reading() as connection:
            rows = connection.execute(f"{_SELECT}WHERE draft_of = ? ORDER BY draft_index, seq", (request,))
            return [_record_of(row) for row in rows]

    def parts_of(self, id: str) -> list[Completion]:
        """Return the partial answers from which the answer to a long conversation was made, in order."""
        with self._database.reading() as connection:
            rows = connection.execute(f"{_SELECT}WHERE part_of = ? ORDER BY seq", (id,))
            return [_record_of(row) for row in rows]

    def named(self, ids: Iterable[str]) -> dict[str, Completion]:
        """Return those of the answers that are in the store, by id."""
        with self._database.reading() as connection:
            rows = connection.execute(_NAMED, (msgspec.json.encode(sorted(ids)).decode(),))
            return {row["id"]: _record_of(row) for row in rows}

    def judged(self) -> list[Completion]:
        """Return every answer that was ever rated or ranked, oldest first."""
        with self._database.reading() as connection:
            return [_record_of(row) for row in connection.execute(_JUDGED)]


_WHERE_IDS_ARE = {
    "answer": "`assistant summarize --json` prints the id of its answer as completion_id",
    "chat": "`assistant history list` lists the chats with their ids",
    "judgement": "`assistant feedback list` lists the judgements with their ids",
}


def find_by_id(connection: sqlite3.Connection, noun: str, select: str, id: str) -> sqlite3.Row:
    """Return the row of `select` whose id is `id`, or else uniquely starts with it. Raises DataMissing if there is
    none, and UsageError if there are several.
    """
    rows = connection.execute(f"{select}WHERE id = ?", (id,)).fetchall()
    if not rows and id:
        # A range from the prefix to the prefix plus the highest character, which the index on id can answer.
        rows = connection.execute(f"{select}WHERE id BETWEEN ?1 AND ?1 || char(1114111) LIMIT 2", (id,)).fetchall()
    if not rows:
        raise DataMissing(f"there is no {noun} {id!r}: {_WHERE_IDS_ARE[noun]}")
    if len(rows) > 1:
        raise UsageError(f"more than one {noun} begins with {id!r}: type more of the id")
    return rows[0]  # type: ignore[no-any-return]


def _row_of(completion: Completion) -> dict[str, object]:
    row: dict[str, object] = msgspec.structs.asdict(completion)
    row["settings"] = msgspec.json.encode(completion.settings).decode()
    row["passage_ids"] = msgspec.json.encode(completion.passage_ids).decode()
    return row


def _record_of(row: sqlite3.Row) -> Completion:
    values = dict(row)
    values["settings"] = msgspec.json.decode(values["settings"], type=GenerationSettings)
    values["passage_ids"] = tuple(msgspec.json.decode(values["passage_ids"], type=list[str]))
    return Completion(**values)
