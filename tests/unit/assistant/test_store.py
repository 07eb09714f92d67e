"""The store file itself, and the completions in it."""

import sqlite3
import stat
import threading
from pathlib import Path

import msgspec
import pytest

from assistant.errors import DataMissing, StoreUnavailable, UsageError
from assistant.feedback import Store
from assistant.feedback.database import Database
from assistant.locations import store_file
from assistant.records import Completion, GenerationSettings
from tests.builders import a_completion


def test_an_answer_comes_back_exactly_as_it_was_kept() -> None:
    answer = a_completion(
        settings=GenerationSettings(decoding="sample", seed=7, temperature=0.7),
        answer="Zoë: 'ok' \x1b[31m 👩‍👩‍👧",
        rationale="because",
        finished="length",
        prompt_tokens=12,
        completion_tokens=5,
        seconds=0.25,
        draft_of="r1",
        draft_index=2,
        part_of="c0",
        passage_ids=("p1", "p2"),
    )
    for field in msgspec.structs.fields(Completion):  # the next field cannot be forgotten in the table
        assert getattr(answer, field.name) != field.default, field.name
    with Store.open() as store:
        store.completions.add([answer])
    with Store.open(read_only=True) as store:
        assert store.completions.get("c1") == answer


def test_an_answer_is_found_by_the_beginning_of_its_id_where_only_one_fits() -> None:
    with Store.open() as store:
        store.completions.add([a_completion("ab12"), a_completion("ab34"), a_completion("ab")])
        assert store.completions.get("ab1").id == "ab12"
        assert store.completions.get("ab").id == "ab"  # exact before beginning
        with pytest.raises(UsageError, match="type more of the id"):
            store.completions.get("a")
        with pytest.raises(DataMissing):
            store.completions.get("zz")
        with pytest.raises(DataMissing):
            store.completions.get("")
        with pytest.raises(DataMissing):
            store.completions.get("a%")


def test_the_parts_of_a_digest_are_kept_beside_it_and_deleted_with_it() -> None:
    with Store.open() as store:
        store.completions.add([a_completion("d1"), a_completion("d2")])
        store.completions.add_digests({"d1": '{"title":"lease"}', "d2": "{}"})
        assert store.completions.digest("d1") == '{"title":"lease"}'
        assert store.completions.digest("nobody") == ""
        store.deletions.delete_completion("d1")
        assert (store.completions.digest("d1"), store.completions.digest("d2")) == ("", "{}")


def test_answers_are_listed_newest_first_and_page_on() -> None:
    with Store.open() as store:
        store.completions.add([a_completion(f"c{i}") for i in range(5)])
        assert [c.id for c in store.completions.newest(2)] == ["c4", "c3"]
        assert [c.id for c in store.completions.newest(9, before="c3")] == ["c2", "c1", "c0"]


def test_an_answer_grows_while_it_is_written_and_never_after() -> None:
    with Store.open() as store:
        store.completions.add([a_completion(answer="Ann", finished="cancelled")])
        store.completions.add([a_completion(answer="Ann and Bob", finished="end")])
        assert store.completions.get("c1").answer == "Ann and Bob"
        store.completions.add([a_completion(answer="changed", finished="end")])
        assert store.completions.get("c1").answer == "Ann and Bob"


def test_the_parts_of_a_long_answer_are_kept_but_not_listed_as_answers() -> None:
    with Store.open() as store:
        store.completions.add([a_completion("p1", part_of="w"), a_completion("p2", part_of="w"), a_completion("w")])
        assert [c.id for c in store.completions.newest()] == ["w"]
        assert [c.id for c in store.completions.parts_of("w")] == ["p1", "p2"]


def test_drafts_of_a_request_keep_their_order() -> None:
    with Store.open() as store:
        store.completions.add([a_completion(f"d{i}", draft_of="r", draft_index=2 - i) for i in range(3)])
        assert [c.id for c in store.completions.drafts_of("r")] == ["d2", "d1", "d0"]


def test_the_store_is_private_to_the_user_with_all_its_files(home: Path) -> None:
    with Store.open() as store:
        store.completions.add([a_completion()])
        files = list(store_file().parent.iterdir())
        assert {file.name for file in files} >= {"store.db", "store.db-wal", "store.db-shm"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert stat.S_IMODE(store_file().parent.stat().st_mode) == 0o700


def test_a_store_that_others_could_read_is_made_private_again() -> None:
    Store.open().close()
    store_file().chmod(0o644)
    Store.open().close()
    assert stat.S_IMODE(store_file().stat().st_mode) == 0o600


def test_a_full_disk_changes_nothing_and_the_store_goes_on() -> None:
    with Store.open() as store:
        store.completions.add([a_completion("c1")])
        with store.database.reading() as connection:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own full disk
        with pytest.raises(StoreUnavailable, match="is full: free some space"):
            store.completions.add([a_completion("c2"), a_completion("c3", prompt="x" * 100_000)])
        assert [c.id for c in store.completions.newest()] == ["c1"]
        with store.database.reading() as connection:
            connection.execute("PRAGMA max_page_count = 1000000")
        store.completions.add([a_completion("c2")])


def test_bytes_that_are_no_characters_are_refused_in_words() -> None:
    with Store.open() as store:
        with pytest.raises(UsageError, match="UTF-8"):
            store.chats.new("\udcff")
        assert store.chats.newest() == []


def test_a_record_that_cannot_be_read_is_said_in_one_line() -> None:
    with Store.open() as store:
        store.completions.add([a_completion()])
        with store.database.writing() as connection:
            connection.execute("""UPDATE completions SET settings = '{"warmth": 3}'""")
        with pytest.raises(StoreUnavailable, match="warmth") as caught:
            store.completions.get("c1")
        assert "\n" not in str(caught.value)


def test_what_is_read_in_one_moment_is_one_state_and_writing_there_fails() -> None:
    with Store.open() as store, Store.open() as other:
        with store.database.one_moment():
            assert store.chats.newest() == []
            other.chats.new("meanwhile")
            assert store.chats.newest() == []
        with store.database.one_moment(), pytest.raises(StoreUnavailable):
            store.chats.new("lost")
        assert [chat.title for chat in store.chats.newest()] == ["meanwhile"]
        store.chats.new("kept")


def test_all_answers_of_one_call_are_kept_or_none() -> None:
    broken = a_completion("c2", created=None)
    with Store.open() as store:
        with pytest.raises(Exception, match="NOT NULL"):
            store.completions.add([a_completion("c1"), broken])
        assert store.completions.newest() == []


def test_threads_share_one_store() -> None:
    with Store.open() as store:

        def write(name: str) -> None:
            for i in range(50):
                store.completions.add([a_completion(f"{name}{i}")])
                store.completions.get(f"{name}{i}")

        threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store.completions.newest(1000)) == 200


def test_a_backup_is_a_complete_store_of_its_own(tmp_path: Path) -> None:
    with Store.open() as store:
        store.completions.add([a_completion()])
        store.database.back_up(tmp_path / "copy.db")
    with Store.open(tmp_path / "copy.db") as copy:
        assert copy.completions.get("c1") == a_completion()
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_a_backup_replaces_everything_even_in_an_open_store(tmp_path: Path) -> None:
    with Store.open() as store:
        store.completions.add([a_completion("c1")])
        store.database.back_up(tmp_path / "copy.db")
        store.completions.add([a_completion("c2")])
        Database.restore(tmp_path / "copy.db")
        assert [c.id for c in store.completions.newest()] == ["c1"]
        store.completions.add([a_completion("c3")])
    with Store.open() as store, store.database.reading() as connection:
        assert [c.id for c in store.completions.newest()] == ["c3", "c1"]
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_backup_that_is_damaged_or_missing_changes_nothing(tmp_path: Path) -> None:
    with Store.open() as store:
        store.completions.add([a_completion(f"c{i}", prompt="x" * 2000) for i in range(50)])
        store.database.back_up(tmp_path / "copy.db")
    content = (tmp_path / "copy.db").read_bytes()
    half = len(content) // 2
    (tmp_path / "half.db").write_bytes(content[:half] + b"\xff" * half)
    (tmp_path / "swapped.db").write_bytes(content.replace(b"c17", b"c99", 1))
    for backup in ("half.db", "swapped.db", "none.db"):
        with pytest.raises(StoreUnavailable):
            Database.restore(tmp_path / backup)
    with Store.open() as store:
        assert len(store.completions.newest()) == 50


def test_a_commit_reaches_the_disk_before_it_is_acknowledged() -> None:
    with Store.open() as store, store.database.reading() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
        assert isinstance(connection, sqlite3.Connection)
