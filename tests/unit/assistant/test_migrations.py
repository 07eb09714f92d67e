"""The store's shape: every old one is brought to the present, and what isn't ours or is newer stays untouched."""

import sqlite3
from pathlib import Path

import pytest

from assistant.errors import StoreUnavailable
from assistant.feedback import Store, migrations
from tests.builders import a_completion


def _shape(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return rows


def _old(path: Path, version: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    migrations.migrate(connection, upto=version)
    assert migrations.version_of(connection) == version
    return connection


@pytest.mark.parametrize("version", range(len(migrations.MIGRATIONS) + 1))
def test_every_old_shape_becomes_the_present_one(tmp_path: Path, version: int) -> None:
    _old(tmp_path / "old.db", version).close()
    Store.open(tmp_path / "old.db").close()
    Store.open(tmp_path / "fresh.db").close()
    assert _shape(tmp_path / "old.db") == _shape(tmp_path / "fresh.db")


def test_rows_of_the_oldest_shape_are_kept_and_can_be_judged(tmp_path: Path) -> None:
    old = _old(tmp_path / "old.db", 1)
    old.execute(
        "INSERT INTO completions VALUES (1, 'c1', '2026-01-02T03:04:05.000000+00:00', "
        "'Summarize: Ann: Lunch at noon? Bob: Yes.', 'zero-shot', 'summary', 'p1', 'pocket', 'ctranslate', '4.8.2', "
        "'{}', 'Ann and Bob have lunch (c1).', '', 'end', 0, 0, 0.0, '', 0, '', '[]')"
    )
    old.close()
    with Store.open(tmp_path / "old.db") as store:
        assert store.completions.get("c1") == a_completion("c1")
        assert store.judgements.rate("c1", "up", rater="me") == store.judgements.ratings()[0]


def test_a_step_that_fails_leaves_the_shape_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (a)")
        raise sqlite3.OperationalError("planted")

    Store.open(tmp_path / "s.db").close()
    before = _shape(tmp_path / "s.db")
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, broken))
    with pytest.raises(StoreUnavailable, match="planted"):
        Store.open(tmp_path / "s.db")
    assert _shape(tmp_path / "s.db") == before
    monkeypatch.undo()
    Store.open(tmp_path / "s.db").close()


def test_a_store_from_a_newer_version_is_refused_and_not_a_byte_of_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Store.open(path) as store:
        store.completions.add([a_completion()])
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(migrations.MIGRATIONS) + 1}")
    connection.close()
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(StoreUnavailable, match="newer version of Parley"):
            Store.open(path, read_only=read_only)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith("s.db")] == ["s.db"]


def test_another_programs_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match="another program"):
        Store.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"this is not a database, but a text of some length\n" * 100, b"SQLite format 3\0" * 99]
)
def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable) as caught:
        Store.open(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_damaged_store_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Store.open(path) as store:
        store.completions.add([a_completion(f"c{i}", prompt="x" * 2000) for i in range(50)])
    content = bytearray(path.read_bytes())
    content[4096 * 2 :] = b"\xff" * (len(content) - 4096 * 2)
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable, match="damaged"), Store.open(path) as store:
        store.completions.newest()


def test_an_empty_file_is_a_store_that_was_never_filled(tmp_path: Path) -> None:
    (tmp_path / "s.db").touch()
    with Store.open(tmp_path / "s.db") as store:
        assert store.completions.newest() == []
