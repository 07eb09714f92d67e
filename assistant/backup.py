"""Backs up all of the user's data to one file, and restores it: chats, answers and judgements, the knowledge catalog,
settings, tuned models, rewards, the promoted pointer.

What can be remade or downloaded again is left out: conversions, the search index, pulled models, training runs.

A restore first unpacks and verifies. Then it writes its plan (`restoring.json`), and from then on it is always
completed, after a crash by the next command (`finish_restore`). The previous data is kept aside.
"""

import fcntl
import importlib.metadata
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from assistant.archive import Manifest, check_archive, extract_archive, write_archive
from assistant.errors import (
    AssistantError,
    DataMissing,
    StoreDamaged,
    StoreUnavailable,
    UsageError,
    reported_as_ours,
)
from assistant.feedback.database import Database
from assistant.feedback.store import Store
from assistant.files import sync_dir, sync_tree, write_atomically
from assistant.locations import (
    config_dir,
    data_dir,
    ensure_dir,
    knowledge_dir,
    models_dir,
    restoring_file,
    rewards_dir,
    store_file,
)
from knowledge.errors import KnowledgeError
from knowledge.files import writer_lock
from knowledge.storage import copies

PRODUCT = "parley"
_STORE, _CATALOG = "store.db", "knowledge/catalog.db"
_CONFIG, _MODELS, _REWARDS, _KNOWLEDGE = "config", "models", "rewards", "knowledge"
_LAST_NUMBER = (_MODELS, ".last")
"""The file with the highest number any version ever had (assistant.models.versions), which never decreases."""


class Restored(msgspec.Struct, frozen=True):
    """What a restore brought back, and the folder with the previous data; None if there was none."""

    manifest: Manifest
    kept: Path | None


class _Plan(msgspec.Struct, frozen=True):
    """The steps left after the backup is verified, as names below the data folder."""

    staged: str
    kept: str
    gone: tuple[str, ...]


def create_backup(path: Path) -> Manifest:
    """Write a backup to `path`, which must not exist, while programs may use the store.

    Raises DataMissing if there is nothing to back up.
    """
    if not data_dir().exists() and not config_dir().exists():
        raise DataMissing("there is nothing to back up yet: no chat, no document, no setting")
    path = path.expanduser()
    with tempfile.TemporaryDirectory(dir=ensure_dir(data_dir()), prefix=".backup-") as folder:
        return write_archive(
            path,
            _collect(Path(folder)),
            product=PRODUCT,
            version=importlib.metadata.version("parley-assistant"),
            created=_now().isoformat(timespec="seconds"),
        )


def check_backup(path: Path) -> Manifest:
    """Verify a backup completely without changing anything. Raises UsageError or StoreUnavailable with the problem."""
    with tempfile.TemporaryDirectory(prefix="parley-") as folder:
        return _unpack(path.expanduser(), Path(folder))


def restore_backup(path: Path) -> Restored:
    """Restore the backup; atomic. Models that are not in it are kept."""
    path = path.expanduser()
    check_archive(path, PRODUCT)
    with _alone():
        _finish()
        staged = ensure_dir(data_dir() / f".restoring-{secrets.token_hex(4)}")
        try:
            manifest = _unpack(path, staged)
            _refuse_busy()
            # Settings missing in the backup were not set then; the current pointer would name another model.
            absent = (f"{_CONFIG}/config.toml", f"{_MODELS}/current.json")
            plan = _Plan(
                staged=staged.name,
                kept=f"before-restore-{_now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
                gone=tuple(name for name in absent if not (staged / name).exists()),
            )
            write_atomically(restoring_file(), msgspec.json.encode(plan))
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
        kept = data_dir() / plan.kept
        _carry_out(plan)
    return Restored(manifest=manifest, kept=kept if kept.exists() else None)


def finish_restore() -> None:
    """Finish a restore after a crash, if there is one. Waits for a restore running in another process, because two
    would take each other's files.
    """
    if restoring_file().exists():
        with _alone(wait=True):
            _finish()


def _finish() -> None:
    try:
        plan = msgspec.json.decode(restoring_file().read_bytes(), type=_Plan)
    except FileNotFoundError:
        return
    except (ValueError, RecursionError) as error:
        raise AssistantError(f"{restoring_file()} is damaged: delete it and restore the backup again") from error
    _carry_out(plan)


def _now() -> datetime:
    return datetime.now(UTC)


def _collect(folder: Path) -> dict[str, Path]:
    """Return the name and path of every file of a backup; databases are copied to `folder` as snapshots. The backup
    itself does not exist yet or is hidden, if it is written to the same place.
    """
    with Store.open() as store:
        store.deletions.finish()
        store.database.back_up(folder / _STORE)
    files = {_STORE: folder / _STORE}
    if (knowledge_dir() / "catalog.db").exists():
        with reported_as_ours(KnowledgeError):
            copies.back_up(knowledge_dir() / "catalog.db", folder / "catalog.db")
        files[_CATALOG] = folder / "catalog.db"
    for name in (_CONFIG, _MODELS, _REWARDS):
        root = _root(name)
        for file in sorted(root.rglob("*")):
            parts = file.relative_to(root).parts
            is_hidden = any(part.startswith(".") for part in parts) and (name, *parts) != _LAST_NUMBER
            is_ours = not is_hidden and not (name == _MODELS and _is_pulled(parts))
            if is_ours and file.is_file() and not file.is_symlink():
                files["/".join((name, *parts))] = file
    return files


def _is_pulled(parts: tuple[str, ...]) -> bool:
    """Whether the file is in a folder such as google--flan-t5-base, which `assistant models pull` can fetch again."""
    return "--" in parts[0]


def _unpack(path: Path, folder: Path) -> Manifest:
    """Unpack and verify: hashes, known names, and databases that are intact and not too new."""
    manifest = check_archive(path, PRODUCT)
    needed = sum(member.size for member in manifest.members)
    if shutil.disk_usage(folder).free < needed:
        raise AssistantError(
            f"restoring needs {needed / 2**20:.0f} MiB at {folder}: free some space; nothing was changed"
        )
    extract_archive(path, folder, PRODUCT)
    for member in manifest.members:
        if member.name not in (_STORE, _CATALOG) and member.name.partition("/")[0] not in (_CONFIG, _MODELS, _REWARDS):
            raise UsageError(f"{path} holds {member.name!r}, which this version has no place for: install a newer one")
    if not (folder / _STORE).exists():
        raise UsageError(f"{path} contains no store: use another backup; nothing was changed")
    Database.check(folder / _STORE)
    if (folder / _CATALOG).exists():
        with reported_as_ours(KnowledgeError):
            copies.check(folder / _CATALOG)
    return manifest


def _carry_out(plan: _Plan) -> None:
    """Move every staged item into place and the previous one aside. Each step may have been done already."""
    staged, kept = data_dir() / plan.staged, data_dir() / plan.kept
    for name in plan.gone:
        place = _root(name) / name.partition("/")[2]
        if place.exists():
            _move(place, kept / name)
    for file in _files_in(staged / _CONFIG):
        _swap(staged / _CONFIG / file, config_dir() / file, kept / _CONFIG / file)
    for name in (_MODELS, _REWARDS):
        for entry in sorted((staged / name).glob("*")):
            place = _root(name) / entry.name
            if (name, entry.name) != _LAST_NUMBER or _number(place) < _number(entry):
                _swap(entry, place, kept / name / entry.name)
    if (staged / _CATALOG).exists():
        _swap(staged / _KNOWLEDGE, knowledge_dir(), kept / _KNOWLEDGE)
    if (staged / _STORE).exists():
        _restore_store(staged / _STORE, kept)
    restoring_file().unlink(missing_ok=True)
    sync_dir(data_dir())
    shutil.rmtree(staged, ignore_errors=True)


def _number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0


def _root(name: str) -> Path:
    """Return the folder of a part of the backup, by the first word of a member's name."""
    part = name.partition("/")[0]
    return {_CONFIG: config_dir(), _MODELS: models_dir(), _REWARDS: rewards_dir()}[part]


def _files_in(folder: Path) -> list[Path]:
    return [file.relative_to(folder) for file in sorted(folder.rglob("*")) if file.is_file()]


def _restore_store(staged: Path, kept: Path) -> None:
    """Write into the store instead of replacing it, so that programs that have it open see what was restored. A store
    that cannot be opened is moved aside.
    """
    copy = ensure_dir(kept) / _STORE
    if store_file().exists():
        try:
            with Store.open() as store:
                if not copy.exists():
                    draft = copy.with_suffix(".part")
                    draft.unlink(missing_ok=True)
                    store.database.back_up(draft)
                    draft.rename(copy)
        except StoreDamaged:
            for suffix in ("-wal", "-shm", ""):
                file = store_file().with_name(store_file().name + suffix)
                if file.exists():
                    file.rename(kept / f"damaged-{file.name}")
    Database.restore(staged)
    for file in (staged, staged.with_name(staged.name + "-wal"), staged.with_name(staged.name + "-shm")):
        file.unlink(missing_ok=True)
    if not any(kept.iterdir()):
        kept.rmdir()


def _swap(new: Path, place: Path, kept: Path) -> None:
    """Move `place` to `kept` and `new` to `place`; half of it may have been done before a crash."""
    if place.exists() and not kept.exists():
        _move(place, kept)
    elif place.exists():
        _remove(place)
    _move(new, place)


def _move(source: Path, target: Path) -> None:
    """Rename, or across file systems copy next to the target and rename that."""
    ensure_dir(target.parent)
    try:
        source.rename(target)
    except OSError:
        draft = target.with_name(f".{target.name}.part")
        shutil.copytree(source, draft, dirs_exist_ok=True) if source.is_dir() else shutil.copy2(source, draft)
        sync_tree(draft)
        draft.rename(target)
        _remove(source)
    sync_dir(target.parent)


def _remove(place: Path) -> None:
    shutil.rmtree(place) if place.is_dir() else place.unlink()


def _refuse_busy() -> None:
    """Raise if another process is indexing or holds the store, before anything is touched."""
    if knowledge_dir().exists():
        with reported_as_ours(KnowledgeError), writer_lock(knowledge_dir() / "writer.lock"):
            pass
    if store_file().exists():
        with suppress(StoreDamaged), Store.open(wait=2) as store, store.database.writing():
            pass


@contextmanager
def _alone(*, wait: bool = False) -> Iterator[None]:
    """Allow one restore at a time: a second one waits, or is refused."""
    place = ensure_dir(data_dir()) / "restore.lock"
    with os.fdopen(os.open(place, os.O_RDWR | os.O_CREAT, 0o600), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreUnavailable("another process is restoring a backup: wait until it is done") from None
        yield
