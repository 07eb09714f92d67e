"""A training run on disk: resolved config, manifest, `metrics.jsonl`, checkpoints, resume. Knows no model and no data.

    runs/pocket-20261121-101500-3f2a/
        manifest.json      stage, config, hash of the data, versions of the libraries, seed
        metrics.jsonl      one object a logged step
        checkpoint/        state.json and tensors.safetensors of the last saved step
        best/              the same for the best one so far
        lock               held while a process works on the run

A checkpoint is written beside its place and renamed, so that a crash leaves the one before. Tensors travel as
safetensors and everything else as JSON: nothing is ever unpickled.
"""

import fcntl
import json
import os
import platform
import secrets
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import IO, Any, Literal

import msgspec
import torch
from safetensors.torch import load_file, save_file

from assistant.errors import AssistantError, DataMissing, UsageError
from assistant.files import sync_dir, write_atomically
from assistant.locations import ensure_dir, runs_dir
from training.corpora import content_hash

_LIBRARIES = ("torch", "transformers", "peft", "trl", "tokenizers", "ctranslate2", "numpy")
_TENSOR = "$tensor"


class Manifest(msgspec.Struct, frozen=True):
    """What makes a run repeatable."""

    stage: str
    config: dict[str, Any]
    data_hash: str
    seed: int
    versions: dict[str, str]
    started: str


class RunLocked(AssistantError):
    """Another process works on the run."""


class StopRequested:
    """Set by SIGINT or SIGTERM; a loop asks `requested` after each step, saves, and ends with exit code 130."""

    def __init__(self) -> None:
        self.requested = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@contextmanager
def stop_signals() -> Iterator[StopRequested]:
    """Turn the first SIGINT or SIGTERM into a request to stop; a second SIGINT ends at once."""
    stop = StopRequested()
    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class Run:
    """One run folder, locked for this process from `start` or `resume` to `close`."""

    def __init__(self, folder: Path, manifest: Manifest, lock: IO[str]) -> None:
        self.folder = folder
        self.manifest = manifest
        self._lock = lock

    @property
    def name(self) -> str:
        """The folder's name, which `--resume` takes."""
        return self.folder.name

    @classmethod
    def start(
        cls, stage: str, config: msgspec.Struct, data: Sequence[Path], seed: int, root: Path | None = None
    ) -> "Run":
        """Make a new run folder and write its manifest."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        folder = ensure_dir((root or runs_dir()) / f"{stage}-{stamp}-{secrets.token_hex(2)}")
        lock = _acquire(folder)
        manifest = Manifest(
            stage=stage,
            config=msgspec.to_builtins(config),
            data_hash=content_hash(data),
            seed=seed,
            versions=_versions(),
            started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )
        write_atomically(folder / "manifest.json", _pretty(msgspec.to_builtins(manifest)))
        return cls(folder, manifest, lock)

    @classmethod
    def resume(
        cls, stage: str, name: str | None, config: msgspec.Struct, data: Sequence[Path], root: Path | None = None
    ) -> "Run":
        """Open a run again, the newest of the stage where `name` is None.

        Raises DataMissing where there is none, and UsageError (exit 2) where data or config are not the ones it was
        started with.
        """
        folder = _find(stage, name, root or runs_dir())
        lock = _acquire(folder)
        manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
        if manifest.data_hash != content_hash(data):
            raise UsageError(f"the data changed since {folder.name} was started; start a new run without --resume")
        wanted = msgspec.to_builtins(config)
        changed = [key for key in wanted if wanted[key] != manifest.config.get(key)]
        if changed:
            raise UsageError(
                f"{folder.name} was started with other settings ({', '.join(changed)}); "
                "resume it with the same, or start a new run"
            )
        return cls(folder, manifest, lock)

    def log(self, step: int, **metrics: float | int | str) -> None:
        """Append one line to metrics.jsonl."""
        line = json.dumps({"step": step, **metrics}) + "\n"
        with self._metrics_file.open("a", encoding="utf-8") as stream:
            stream.write(line)

    def metrics(self) -> list[dict[str, Any]]:
        """Every logged line, in order; a last line that a crash cut short is left out."""
        if not self._metrics_file.exists():
            return []
        rows = []
        for line in self._metrics_file.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                break
        return rows

    def save(self, step: int, tree: dict[str, Any], slot: Literal["checkpoint", "best"] = "checkpoint") -> None:
        """Write a checkpoint: a tree of dicts, lists, tensors and JSON values."""
        tensors: dict[str, torch.Tensor] = {}
        skeleton = _pack(tree, "", tensors)
        draft = ensure_dir(self.folder / f".{slot}.{secrets.token_hex(4)}.part")
        try:
            save_file(tensors, draft / "tensors.safetensors")
            (draft / "tensors.safetensors").chmod(0o600)
            _sync_file(draft / "tensors.safetensors")
            write_atomically(draft / "state.json", json.dumps({"step": step, "tree": skeleton}).encode())
            sync_dir(draft)
            self._swap_in(draft, slot)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise

    def load(self, slot: Literal["checkpoint", "best"] = "checkpoint") -> tuple[int, dict[str, Any]] | None:
        """The step and tree last saved, or None. Forgets logged steps after it, since they will be made again."""
        place = self.folder / slot
        aside = self.folder / f"{slot}.old"
        if not place.exists() and aside.exists():
            aside.rename(place)
        if not place.exists():
            return None
        state = json.loads((place / "state.json").read_text(encoding="utf-8"))
        tree = _unpack(state["tree"], load_file(place / "tensors.safetensors"))
        step = int(state["step"])
        if slot == "checkpoint":
            self._forget_after(step)
        return step, tree

    def close(self) -> None:
        """Release the lock."""
        self._lock.close()

    @property
    def _metrics_file(self) -> Path:
        return self.folder / "metrics.jsonl"

    def _swap_in(self, draft: Path, slot: str) -> None:
        # A folder cannot be renamed over a full one: the one before steps aside first, and `load` finds it there
        # after a crash.
        place, aside = self.folder / slot, self.folder / f"{slot}.old"
        shutil.rmtree(aside, ignore_errors=True)
        if place.exists():
            place.rename(aside)
        draft.rename(place)
        sync_dir(self.folder)
        shutil.rmtree(aside, ignore_errors=True)

    def _forget_after(self, step: int) -> None:
        kept = [row for row in self.metrics() if row["step"] <= step]
        write_atomically(self._metrics_file, "".join(json.dumps(row) + "\n" for row in kept).encode())


def _find(stage: str, name: str | None, root: Path) -> Path:
    if name:
        folder = root / name if not Path(name).is_absolute() else Path(name)
        if not (folder / "manifest.json").is_file():
            raise DataMissing(f"no run {name!r} in {root}")
        return folder
    folders = sorted(root.glob(f"{stage}-*/manifest.json"), key=lambda path: path.stat().st_mtime)
    if not folders:
        raise DataMissing(f"no run of {stage} to resume in {root}")
    return folders[-1].parent


def _acquire(folder: Path) -> IO[str]:
    lock = (folder / "lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise RunLocked(f"another process (pid {owner}) works on {folder.name}; wait for it or stop it") from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _pack(value: Any, place: str, tensors: dict[str, torch.Tensor]) -> Any:
    """A JSON skeleton of the tree; every tensor goes to `tensors` under the path of its place.

    Keys that are no text (an optimizer's parameter numbers) are kept apart, so that they come back as what they were.
    """
    if isinstance(value, torch.Tensor):
        tensors[place] = value.detach().contiguous().clone()
        return {_TENSOR: place}
    if isinstance(value, dict):
        return {"$dict": [[key, _pack(item, f"{place}/{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "$tuple" if isinstance(value, tuple) else "$list"
        return {kind: [_pack(item, f"{place}/{index}", tensors) for index, item in enumerate(value)]}
    return value


def _unpack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == _TENSOR:
        return tensors[content]
    if kind == "$dict":
        return {key: _unpack(item, tensors) for key, item in content}
    items = [_unpack(item, tensors) for item in content]
    return tuple(items) if kind == "$tuple" else items


def _sync_file(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def _pretty(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"
