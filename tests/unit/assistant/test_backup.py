"""Backup and restore: everything comes back, all of it or nothing, and what was there is kept."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from assistant import backup
from assistant.archive import check_archive, extract_archive, write_archive
from assistant.backup import PRODUCT, check_backup, create_backup, finish_restore, restore_backup
from assistant.errors import AssistantError, DataMissing, StoreUnavailable, UsageError
from assistant.feedback.store import Store
from assistant.locations import knowledge_dir, models_dir, restoring_file, settings_file, store_file
from assistant.settings import save_setting
from knowledge.files import writer_lock
from knowledge.library import Library
from knowledge.storage.migrations import MIGRATIONS
from tests.builders import a_completion
from tests.unit.knowledge.embedders import WordEmbedder


@pytest.fixture
def full(home: Path, tmp_path: Path) -> Path:
    """A home with an answer, a document, a setting, a tuned model and a pulled one; returns its backup."""
    with Store.open() as store:
        store.completions.add([a_completion("c1")])
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "pier.txt").write_text("The pier opens at nine. The office sells rope.")
    library = Library(knowledge_dir(), WordEmbedder)
    library.add([tmp_path / "notes"])
    library.close()
    save_setting("prompt.mode", "few-shot")
    for name in ("sft-1", "google--flan-t5-base"):
        (models_dir() / name).mkdir(parents=True)
        (models_dir() / name / "adapter.safetensors").write_bytes(b"weights" * 100)
    (models_dir() / "current.json").write_text('{"ref": "sft-1"}')
    (models_dir().parent / "rewards" / "r1").mkdir(parents=True)
    (models_dir().parent / "rewards" / "r1" / "head.safetensors").write_bytes(b"reward")
    path = tmp_path / "backup.zip"
    create_backup(path)
    return path


def answers() -> set[str]:
    with Store.open() as store:
        return {completion.id for completion in store.completions.newest()}


def documents() -> list[str]:
    library = Library(knowledge_dir(), WordEmbedder)
    try:
        assert library.search("pier office", 3).hits
        return [Path(file.path).name for file in library.files()]
    finally:
        library.close()


def test_everything_that_is_the_user_s_comes_back_in_an_empty_home(
    full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSISTANT_HOME", str(tmp_path / "other"))
    restored = restore_backup(full)

    assert restored.kept is None
    assert answers() == {"c1"}
    assert documents() == ["pier.txt"]
    assert "few-shot" in settings_file().read_text()
    assert (models_dir() / "sft-1" / "adapter.safetensors").read_bytes() == b"weights" * 100
    assert json.loads((models_dir() / "current.json").read_text()) == {"ref": "sft-1"}
    assert (models_dir().parent / "rewards" / "r1" / "head.safetensors").read_bytes() == b"reward"
    assert not (models_dir() / "google--flan-t5-base").exists()  # `models pull` brings it again
    for place in (tmp_path / "other").rglob("*"):
        assert place.stat().st_mode & 0o077 == 0, place


def test_what_was_there_is_kept_and_other_models_stay(full: Path) -> None:
    with Store.open() as store:
        store.completions.add([a_completion("c2")])
    save_setting("prompt.mode", "one-shot")
    (models_dir() / "ppo-2").mkdir()
    (models_dir() / "current.json").write_text('{"ref": "ppo-2"}')

    kept = restore_backup(full).kept

    assert answers() == {"c1"}
    assert kept is not None
    with Store.open(kept / "store.db") as before:
        assert {completion.id for completion in before.completions.newest()} == {"c1", "c2"}
    assert "one-shot" in (kept / "config" / "config.toml").read_text()
    assert json.loads((kept / "models" / "current.json").read_text()) == {"ref": "ppo-2"}
    assert (models_dir() / "ppo-2").is_dir()
    assert not restoring_file().exists()


def test_a_number_that_a_version_had_is_not_given_again(full: Path, tmp_path: Path) -> None:
    """Answers in the store name versions by number: a restore must not bring back a smaller last number."""
    (models_dir() / ".last").write_text("3")
    create_backup(tmp_path / "three.zip")
    (models_dir() / ".last").write_text("7")
    restore_backup(tmp_path / "three.zip")
    assert (models_dir() / ".last").read_text() == "7"
    (models_dir() / ".last").unlink()
    restore_backup(tmp_path / "three.zip")
    assert (models_dir() / ".last").read_text() == "3"


def test_a_program_that_has_the_store_open_sees_what_was_restored(full: Path) -> None:
    with Store.open() as store:
        store.completions.add([a_completion("c2")])
        restore_backup(full)
        assert [completion.id for completion in store.completions.newest()] == ["c1"]


@pytest.mark.parametrize("damage", [b"", b"no database at all, only text" * 40, None], ids=["empty", "foreign", "half"])
def test_a_damaged_store_is_put_aside_and_replaced(damage: bytes | None, full: Path) -> None:
    content = store_file().read_bytes()
    for suffix in ("-wal", "-shm"):
        store_file().with_name(store_file().name + suffix).unlink(missing_ok=True)
    broken = content[: len(content) // 2] if damage is None else damage
    store_file().write_bytes(broken)
    log = store_file().with_name("store.db-wal")
    log.write_bytes(b"no log either")
    kept = restore_backup(full).kept
    assert answers() == {"c1"}
    assert not log.exists() or log.read_bytes() != b"no log either"
    if damage:
        assert kept is not None
        assert (kept / "damaged-store.db").read_bytes() == broken
        assert (kept / "damaged-store.db-wal").read_bytes() == b"no log either"


def test_settings_and_pointer_that_the_backup_has_not_are_put_aside(home: Path, tmp_path: Path) -> None:
    with Store.open() as store:
        store.completions.add([a_completion()])
    create_backup(tmp_path / "early.zip")
    save_setting("prompt.mode", "one-shot")
    models_dir().mkdir()
    (models_dir() / "current.json").write_text('{"ref": "sft-1"}')
    kept = restore_backup(tmp_path / "early.zip").kept
    assert not settings_file().exists()
    assert not (models_dir() / "current.json").exists()
    assert kept is not None
    assert (kept / "config" / "config.toml").exists()


def remade(full: Path, target: Path, **changes: bytes) -> Path:
    """The backup with other content for some members, under a manifest that agrees."""
    folder = target.parent / "remade"
    manifest = extract_archive(full, folder, PRODUCT)
    files = {member.name: folder / member.name for member in manifest.members}
    for name, content in changes.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        files[name] = place
    write_archive(target, files, product=PRODUCT, version="1", created="")
    return target


def newer(content: bytes, folder: Path) -> bytes:
    """The database with a schema number from the future."""
    path = folder / "newer.db"
    path.write_bytes(content)
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 999")
    database.commit()
    database.close()
    return path.read_bytes()


@pytest.mark.parametrize("name", ["store.db", "knowledge/catalog.db"])
def test_a_schema_from_the_future_is_refused_and_nothing_is_touched(name: str, full: Path, tmp_path: Path) -> None:
    extract_archive(full, tmp_path / "out", PRODUCT)
    evil = remade(full, tmp_path / "evil.zip", **{name: newer((tmp_path / "out" / name).read_bytes(), tmp_path)})
    with Store.open() as store:
        store.completions.add([a_completion("c2")])
    with pytest.raises(AssistantError, match="newer version"):
        restore_backup(evil)
    assert answers() == {"c1", "c2"}
    assert not list(store_file().parent.glob("before-restore-*"))
    assert not list(store_file().parent.glob(".restoring-*"))
    assert len(MIGRATIONS) < 999


def test_a_file_that_has_no_place_here_is_refused(full: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no place for"):
        restore_backup(remade(full, tmp_path / "evil.zip", **{"runs/x": b"1"}))


def test_a_damaged_database_inside_a_sound_archive_is_refused(full: Path, tmp_path: Path) -> None:
    extract_archive(full, tmp_path / "out", PRODUCT)
    content = (tmp_path / "out" / "store.db").read_bytes()
    broken = content[:8192] + b"\xff" * 4096 + content[12288:]
    with pytest.raises(StoreUnavailable):
        restore_backup(remade(full, tmp_path / "evil.zip", **{"store.db": broken}))
    assert answers() == {"c1"}


def test_checking_changes_nothing(full: Path, home: Path) -> None:
    before = sorted(home.rglob("*"))
    assert check_backup(full).members == check_archive(full, PRODUCT).members
    assert sorted(home.rglob("*")) == before


def test_a_restore_cut_short_is_finished_by_the_next_command(
    full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop at each move in turn, as a crash would; whatever is missing is done by the next start."""
    stops = 0
    for allowed in range(12):
        home = tmp_path / f"home{allowed}"
        monkeypatch.setenv("ASSISTANT_HOME", str(home))
        restore_backup(full)
        with Store.open() as store:
            store.completions.add([a_completion("c2")])
        save_setting("prompt.mode", "one-shot")
        stops += _restore_stopped_after(allowed, full, monkeypatch)
        finish_restore()
        assert answers() == {"c1"}
        assert documents() == ["pier.txt"]
        assert "few-shot" in settings_file().read_text()
        kept = sorted(home.rglob("before-restore-*/config/config.toml"))
        assert ["one-shot" in file.read_text() for file in kept] == [True]
        with Store.open(kept[0].parent.parent / "store.db") as before:
            assert "c2" in {completion.id for completion in before.completions.newest()}
    assert stops >= 6


def _restore_stopped_after(allowed: int, full: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    moves = 0
    rename = Path.rename

    def counted(self: Path, target: Path) -> Path:
        nonlocal moves
        moves += 1
        if moves > allowed:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", counted)
        try:
            restore_backup(full)
        except KeyboardInterrupt:
            return True
    return False


def _rename_within_a_folder(self: Path, target: Path) -> Path:
    """As where every folder is a disk of its own."""
    if self.parent != target.parent:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(self))
    return self.replace(target)


@pytest.mark.parametrize("allowed", range(6))
def test_a_restore_across_disks_is_finished_wherever_it_was_cut_short(
    allowed: int, full: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is moved to another disk is copied, and there twice until the first is removed: stop before each removal."""
    save_setting("prompt.mode", "one-shot")
    (models_dir() / "sft-1" / "adapter.safetensors").write_bytes(b"other weights")
    removals = 0
    remove = backup._remove

    def counted(place: Path) -> None:
        nonlocal removals
        removals += 1
        if removals > allowed:
            raise KeyboardInterrupt
        remove(place)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", _rename_within_a_folder)
        with contextlib.suppress(KeyboardInterrupt):
            patch.setattr(backup, "_remove", counted)
            restore_backup(full)
        patch.setattr(backup, "_remove", remove)
        finish_restore()
    assert removals > min(allowed, 4), "it was not cut short where it should have been"
    assert "few-shot" in settings_file().read_text()
    assert (models_dir() / "sft-1" / "adapter.safetensors").read_bytes() == b"weights" * 100
    (kept,) = home.rglob("before-restore-*")
    assert "one-shot" in (kept / "config" / "config.toml").read_text()
    assert (kept / "models" / "sft-1" / "adapter.safetensors").read_bytes() == b"other weights"
    assert not list(home.rglob("*.part"))
    assert (answers(), documents()) == ({"c1"}, ["pier.txt"])


def test_a_copy_is_on_the_disk_before_what_it_was_made_from_goes(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    remove = backup._remove

    def removed(place: Path) -> None:
        done.append(f"{place.name} goes")
        remove(place)

    monkeypatch.setattr(Path, "rename", _rename_within_a_folder)
    monkeypatch.setattr("assistant.files.sync_dir", lambda place: done.append(place.name))
    monkeypatch.setattr(backup, "_remove", removed)
    shutil.rmtree(models_dir() / "sft-1")
    restore_backup(full)
    copied = done.index(".sft-1.part")
    assert copied < done.index("adapter.safetensors", copied) < done.index("sft-1 goes", copied)


def test_half_a_copy_of_an_earlier_try_is_in_nobodys_way(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(models_dir() / "sft-1")
    (models_dir() / ".sft-1.part").mkdir()
    (models_dir() / ".sft-1.part" / "adapter.safetensors").write_bytes(b"weig")
    monkeypatch.setattr(Path, "rename", _rename_within_a_folder)
    restore_backup(full)
    assert (models_dir() / "sft-1" / "adapter.safetensors").read_bytes() == b"weights" * 100
    assert not (models_dir() / ".sft-1.part").exists()


def test_nothing_to_keep_is_said(home: Path, tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="nothing to back up"):
        create_backup(tmp_path / "none.zip")
    assert not home.exists()


def test_a_backup_holds_neither_itself_nor_what_a_link_leads_to(full: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("not the assistant's")
    (settings_file().parent / "link.txt").symlink_to(tmp_path / "secret.txt")
    path = settings_file().parent / "backup.zip"
    names = {member.name for member in create_backup(path).members}
    assert "config/config.toml" in names
    assert not {name for name in names if "link" in name or ".zip" in name}


def test_a_full_disk_is_seen_before_anything_is_unpacked(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(full.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(AssistantError, match="free some space; nothing was changed"):
        restore_backup(full)
    assert answers() == {"c1"}
    assert not list(store_file().parent.glob(".restoring-*"))


def test_one_restore_at_a_time(full: Path) -> None:
    with (store_file().parent / "restore.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailable, match="another process is restoring"):
            restore_backup(full)
    restore_backup(full)


def test_a_restore_keeps_others_out_while_it_works(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def second() -> None:
        with pytest.raises(StoreUnavailable, match="another process is restoring"):
            restore_backup(full)
        tried.append(True)

    tried: list[bool] = []
    monkeypatch.setattr(backup, "_refuse_busy", second)
    restore_backup(full)
    assert tried == [True]


def test_a_command_waits_for_a_restore_that_is_under_way(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash and a restore at work look alike, but for the lock: who finishes both would take files from the other."""
    assert _restore_stopped_after(1, full, monkeypatch)
    command = threading.Thread(target=finish_restore)
    with (store_file().parent / "restore.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command.start()
        command.join(0.5)
        assert command.is_alive() and restoring_file().exists()
    command.join(60)
    assert not restoring_file().exists()
    assert (answers(), documents()) == ({"c1"}, ["pier.txt"])


def test_no_restore_while_documents_are_indexed(full: Path) -> None:
    with writer_lock(knowledge_dir() / "writer.lock"), pytest.raises(AssistantError, match="another process"):
        restore_backup(full)
    shutil.rmtree(knowledge_dir())
    restore_backup(full)
    assert documents() == ["pier.txt"]
