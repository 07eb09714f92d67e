"""The catalog: the files read, their documents, passages and vectors, in one SQLite file. Only this package uses SQL;
it knows no file format and no model.

A document is stored with its passages and vectors in one transaction, so that a crash loses at most the current file.
Files with the same content share a document, and a document without a file answers nothing.
"""

import contextlib
import json
import os
import sqlite3
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from knowledge.documents import Document, File, Filters, Passage, Record, passage_id
from knowledge.errors import CatalogUnavailable
from knowledge.files import ensure_private
from knowledge.search.embedder import PassageVectors, Vectors
from knowledge.search.terms import parts_of
from knowledge.storage.migrations import MIGRATIONS

_TITLE_WEIGHT = 4.0


class StoredPassage(Record, frozen=True):
    """A passage with its vectors, `whole` of shape (d,) and `windows` of shape (w, d), and one of its files."""

    id: int
    key: str
    document: int
    path: str
    title: str
    start: int
    end: int
    page: int | None
    headings: tuple[str, ...]
    text: str
    whole: Vectors
    windows: Vectors
    place: str = ""
    is_row: bool = False
    changed: float = 0.0


class Catalog:
    """A connection to the catalog, for one thread at a time; processes and threads may each have one."""

    def __init__(self, path: Path) -> None:
        ensure_private(path.parent)
        # Created here, because SQLite would make it readable by others.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self.path = path
        with explained(path):
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
            weakref.finalize(self, self._db.close)  # also if the next lines fail, or nobody closes it
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA secure_delete = ON")
            self._migrate()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def meta(self, key: str) -> str:
        """Return a value stored about the catalog, empty if it was never set."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def revision(self) -> int:
        """Return a number that increases with every change of the passages."""
        return int(self.meta("revision"))

    def roots(self) -> list[Path]:
        """Return the files and folders that the user added."""
        return [Path(path) for (path,) in self._db.execute("SELECT path FROM roots WHERE NOT excluded ORDER BY path")]

    def excluded(self) -> set[str]:
        """Return the paths the user removed below a root that stays."""
        return {path for (path,) in self._db.execute("SELECT path FROM roots WHERE excluded")}

    def files(self) -> dict[str, File]:
        """Return every file that was read or skipped, by path."""
        rows = self._db.execute(
            "SELECT path, size, mtime_ns, document, reason,"
            " (SELECT count(*) FROM passages WHERE passages.document = files.document) FROM files ORDER BY path"
        )
        return {
            path: File(path=path, size=size, mtime_ns=mtime, document=document, reason=reason, passages=passages)
            for path, size, mtime, document, reason, passages in rows
        }

    def document_of(self, content_hash: str) -> int | None:
        """Return the document with that content, None if there is none."""
        row = self._db.execute("SELECT id FROM documents WHERE hash = ?", (content_hash,)).fetchone()
        return int(row[0]) if row else None

    def text_of(self, document: int) -> str:
        """Return the extracted text of a document, to which the spans of its passages refer."""
        row = self._db.execute("SELECT text FROM documents WHERE id = ?", (document,)).fetchone()
        return str(row[0]) if row else ""

    def passage_count(self) -> int:
        """Return the number of passages."""
        return int(self._db.execute("SELECT count(*) FROM passages").fetchone()[0])

    def passage_rows(self) -> NDArray[np.int64]:
        """Return the row numbers of all passages, in order."""
        return np.array([row for (row,) in self._db.execute("SELECT id FROM passages ORDER BY id")], dtype=np.int64)

    def whole_vectors(self, rows: Sequence[int]) -> Vectors:
        """Return the vectors of the passages in the order of their row numbers, shape (n, d)."""
        found = self._db.execute(
            "SELECT whole FROM passages WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", (json.dumps(rows),)
        )
        return _floats(b"".join(blob for (blob,) in found), len(rows))

    def allowed_rows(self, filters: Filters) -> NDArray[np.int64]:
        """Return the row numbers of the passages in files that pass the filters."""
        documents = {
            document
            for path, mtime, document in self._db.execute(
                "SELECT path, mtime_ns, document FROM files WHERE document IS NOT NULL"
            )
            if filters.allow(path, mtime)
        }
        found = self._db.execute(
            "SELECT id FROM passages WHERE document IN (SELECT value FROM json_each(?))", (json.dumps(list(documents)),)
        )
        return np.array([row for (row,) in found], dtype=np.int64)

    def passages(self, rows: Iterable[int], filters: Filters) -> list[StoredPassage]:
        """Return those of the passages that are in a file that passes the filters."""
        found = self._db.execute(
            "SELECT p.id, p.key, p.document, d.title, p.start, p.end, p.page, p.headings, w.text, p.whole, p.windows,"
            " p.place, p.is_row FROM passages p JOIN documents d ON d.id = p.document JOIN words w ON w.rowid = p.id"
            " WHERE p.id IN (SELECT value FROM json_each(?))",
            (json.dumps([int(row) for row in rows]),),
        ).fetchall()
        paths = self._paths({row[2] for row in found}, filters)
        return [
            StoredPassage(
                id=row,
                key=key,
                document=document,
                path=paths[document][0],
                changed=paths[document][1],
                title=title,
                start=start,
                end=end,
                page=page,
                headings=tuple(json.loads(headings)),
                text=text,
                whole=_floats(whole, 1)[0],
                windows=_floats(windows, -1, len(whole) // 2),
                place=place,
                is_row=bool(is_row),
            )
            for row, key, document, title, start, end, page, headings, text, whole, windows, place, is_row in found
            if document in paths
        ]

    def passage(self, key: str) -> StoredPassage | None:
        """Return the passage with that id, None if no file contains it."""
        rows = [row for (row,) in self._db.execute("SELECT id FROM passages WHERE key = ?", (key,))]
        return next(iter(self.passages(rows, Filters())), None)

    def rows_of(self, document: int) -> list[int]:
        """Return the row numbers of a document's passages, in order."""
        found = self._db.execute("SELECT id FROM passages WHERE document = ? ORDER BY start", (document,))
        return [row for (row,) in found]

    # Words.

    def passages_with(self, term: str) -> int:
        """Return how many passages match the term, an FTS5 expression."""
        (count,) = self._db.execute("SELECT count(*) FROM words WHERE words MATCH ?", (term,)).fetchone()
        return int(count)

    def best_by_words(self, terms: Sequence[str], most: int, allowed: NDArray[np.int64] | None) -> list[int]:
        """Return the passages with the highest BM25 scores, best first."""
        if not terms:
            return []
        found = self._db.execute(
            "SELECT rowid FROM words WHERE words MATCH ?1 AND (?3 OR +rowid IN (SELECT value FROM json_each(?4)))"
            " ORDER BY bm25(words, ?5, 1.0, 1.0) LIMIT ?2",
            (" OR ".join(terms), most, allowed is None, _json(allowed), _TITLE_WEIGHT),
        )
        return [row for (row,) in found]

    def word_scores(self, terms: Sequence[str], rows: Iterable[int]) -> dict[int, float]:
        """Return the BM25 scores of the passages, above 0; passages without any of the terms are left out."""
        if not terms:
            return {}
        found = self._db.execute(
            "SELECT rowid, -bm25(words, ?, 1.0, 1.0) FROM words WHERE words MATCH ?"
            " AND +rowid IN (SELECT value FROM json_each(?))",
            (_TITLE_WEIGHT, " OR ".join(terms), json.dumps([int(row) for row in rows])),
        )
        return dict(found.fetchall())

    def with_term(self, term: str, rows: Iterable[int]) -> set[int]:
        """Return those of the passages that match the term."""
        found = self._db.execute(
            "SELECT rowid FROM words WHERE words MATCH ? AND +rowid IN (SELECT value FROM json_each(?))",
            (term, json.dumps([int(row) for row in rows])),
        )
        return {row for (row,) in found}

    # Changes, each atomic.

    def set_meta(self, key: str, value: str) -> None:
        """Store a value about the catalog."""
        with self._change():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def set_roots(self, roots: Iterable[Path], excluded: Iterable[str]) -> None:
        """Replace the roots and the excluded paths."""
        with self._change():
            self._db.execute("DELETE FROM roots")
            rows = [(str(path), False) for path in roots] + [(path, True) for path in excluded]
            self._db.executemany("INSERT OR REPLACE INTO roots VALUES (?, ?)", rows)

    def put(
        self,
        file: File,
        content_hash: str,
        document: Document,
        passages: Sequence[Passage],
        vectors: Sequence[PassageVectors],
    ) -> None:
        """Store a document with its passages and vectors, and its file."""
        with self._change(passages=True):
            cursor = self._db.execute(
                "INSERT INTO documents (hash, title, text) VALUES (?, ?, ?)",
                (content_hash, document.title, document.text),
            )
            number = cursor.lastrowid
            for passage, vector in zip(passages, vectors, strict=True):
                row = self._db.execute(
                    'INSERT INTO passages (key, document, start, "end", page, headings, whole, windows, place, is_row)'
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        passage_id(content_hash, passage.start, passage.end),
                        number,
                        passage.start,
                        passage.end,
                        passage.page,
                        json.dumps(passage.headings),
                        vector.whole.astype(np.float16).tobytes(),
                        vector.windows.astype(np.float16).tobytes(),
                        passage.place,
                        passage.is_row,
                    ),
                ).lastrowid
                title = ". ".join(dict.fromkeys((document.title, *passage.headings)))
                self._db.execute(
                    "INSERT INTO words (rowid, title, text, parts) VALUES (?, ?, ?, ?)",
                    (row, title, passage.text, parts_of(f"{title} {passage.text}")),
                )
            self._put_file(msgspec.structs.replace(file, document=number))

    def put_file(self, file: File) -> None:
        """Store a file that was skipped, was touched, or has a known document."""
        with self._change(passages=True):
            self._put_file(file)

    def forget_files(self, paths: Iterable[str]) -> None:
        """Remove files, so that they answer nothing. Their documents stay until `drop_orphans`, in case they moved."""
        with self._change(passages=True):
            self._db.executemany("DELETE FROM files WHERE path = ?", [(path,) for path in paths])

    def orphan_texts(self) -> dict[str, str]:
        """Return the passages of documents without a file, by id."""
        found = self._db.execute(
            "SELECT p.key, w.text FROM words w JOIN passages p ON p.id = w.rowid"
            " WHERE p.document NOT IN (SELECT document FROM files WHERE document IS NOT NULL)"
        )
        return dict(found.fetchall())

    def drop_orphans(self) -> int:
        """Delete the documents without a file, and return their number."""
        orphans = [
            number
            for (number,) in self._db.execute(
                "SELECT id FROM documents WHERE id NOT IN (SELECT document FROM files WHERE document IS NOT NULL)"
            )
        ]
        if orphans:
            with self._change(passages=True):
                for number in orphans:
                    self._drop(number)
        return len(orphans)

    def clear(self) -> None:
        """Delete all documents and files; the roots stay."""
        with self._change(passages=True):
            self._db.execute("DELETE FROM files")
            self._db.execute("DELETE FROM words")
            self._db.execute("DELETE FROM passages")
            self._db.execute("DELETE FROM documents")

    def blank_deleted(self) -> None:
        """Remove all deleted text from the file. Rows are overwritten when deleted (secure_delete), the full-text index
        only when merged, and the log when truncated. VACUUM frees the space.
        """
        with explained(self.path):
            self._db.execute("INSERT INTO words (words) VALUES ('optimize')")
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _paths(self, documents: set[int], filters: Filters) -> dict[int, tuple[str, float]]:
        """Return each document's alphabetically first path that passes the filters, and its modification time."""
        found = self._db.execute(
            "SELECT document, path, mtime_ns FROM files WHERE document IN (SELECT value FROM json_each(?))"
            " ORDER BY path DESC",
            (json.dumps(list(documents)),),
        )
        return {document: (path, mtime / 1e9) for document, path, mtime in found if filters.allow(path, mtime)}

    def _put_file(self, file: File) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO files (path, size, mtime_ns, document, reason) VALUES (?, ?, ?, ?, ?)",
            (file.path, file.size, file.mtime_ns, file.document, file.reason),
        )

    def _drop(self, document: int) -> None:
        self._db.execute("DELETE FROM words WHERE rowid IN (SELECT id FROM passages WHERE document = ?)", (document,))
        self._db.execute("DELETE FROM passages WHERE document = ?", (document,))
        self._db.execute("DELETE FROM documents WHERE id = ?", (document,))

    @contextlib.contextmanager
    def _change(self, passages: bool = False) -> Iterator[None]:
        with explained(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                if passages:
                    self._db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'revision'")
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite has already rolled back after some errors, such as a full disk
                    self._db.execute("ROLLBACK")
                raise

    def _migrate(self) -> None:
        (done,) = self._db.execute("PRAGMA user_version").fetchone()
        if done > len(MIGRATIONS):
            raise CatalogUnavailable(f"{self.path} was written by a newer version of Parley: install that version")
        if done == len(MIGRATIONS):
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            (done,) = self._db.execute("PRAGMA user_version").fetchone()
            for number, script in enumerate(MIGRATIONS[done:], done + 1):
                for statement in script.split(";"):
                    self._db.execute(statement)
                self._db.execute("PRAGMA user_version = " + str(number))
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Return a read-only connection. Raises errors that `explained` converts."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Convert SQLite's errors to CatalogUnavailable with advice for the user."""
    try:
        yield
    except sqlite3.OperationalError as error:
        advice = "free some space, check the disk's and the folder's state, and try again"
        raise CatalogUnavailable(f"cannot use {path} ({error}): {advice}") from error
    except sqlite3.DatabaseError as error:
        raise CatalogUnavailable(
            f"{path} is damaged ({error}): restore a backup with"
            " `assistant restore`, or move it away and add your folders again"
        ) from error


def _json(rows: NDArray[np.int64] | None) -> str:
    return "[]" if rows is None else json.dumps(rows.tolist())


def _floats(blob: bytes, count: int, width: int = -1) -> Vectors:
    values = np.frombuffer(blob, dtype=np.float16).astype(np.float32)
    return values.reshape(count, width) if blob else np.zeros((0, 0), np.float32)
