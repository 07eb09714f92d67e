"""The schema of the catalog, as a list of migrations; PRAGMA user_version counts those that ran.

A released migration is never changed: the next change is a new one.
"""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE roots (path TEXT PRIMARY KEY, excluded INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL UNIQUE, title TEXT NOT NULL, text TEXT NOT NULL);
    CREATE TABLE files (
        path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        document INTEGER REFERENCES documents(id), reason TEXT NOT NULL DEFAULT '');
    CREATE INDEX files_by_document ON files(document);
    CREATE TABLE passages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, document INTEGER NOT NULL REFERENCES documents(id),
        start INTEGER NOT NULL, "end" INTEGER NOT NULL, page INTEGER, headings TEXT NOT NULL,
        whole BLOB NOT NULL, windows BLOB NOT NULL);
    CREATE INDEX passages_by_document ON passages(document);
    CREATE INDEX passages_by_key ON passages(key);
    CREATE VIRTUAL TABLE words USING fts5(title, text, tokenize = 'porter unicode61');
    INSERT INTO meta VALUES ('revision', '0');
    """,
    """
    ALTER TABLE passages ADD COLUMN place TEXT NOT NULL DEFAULT '';
    ALTER TABLE passages ADD COLUMN is_row INTEGER NOT NULL DEFAULT 0
    """,
    """
    CREATE VIRTUAL TABLE words_with_parts USING fts5(title, text, parts, tokenize = 'porter unicode61');
    INSERT INTO words_with_parts (rowid, title, text, parts) SELECT rowid, title, text, '' FROM words;
    DROP TABLE words;
    ALTER TABLE words_with_parts RENAME TO words
    """,
)
