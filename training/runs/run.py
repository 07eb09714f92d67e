"""Training runs on disk: manifest with configuration, metrics, checkpoints, and resuming.

    runs/pocket-20261121-101500-3f2a/
        manifest.json      stage, configuration, hash of the data, versions of libraries, seed
        metrics.jsonl      one object per logged step
        checkpoint/        state.json and tensors.safetensors of the last saved step
        best/              the same for the best step so far
        outcome.json       the result, or the error
        lock               held while a process works on the run

A checkpoint is written under another name and then renamed, so that a crash leaves the previous one.
"""

import json
import os
import platform
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import Any, Literal, TypeVar

import msgspec

from assistant.errors import DataMissing, UsageError
from assistant.files import sync_dir, write_atomically
from assistant.locations import ensure_dir, runs_dir
from training.runs.data.datasets import content_hash
from training.runs.lock import Lock, is_held

_MANIFEST, _METRICS, _OUTCOME, _LOCK = "manifest.json", "metrics.jsonl", "outcome.json", "lock"
_LIBRARIES = ("torch", "transformers", "peft", "trl", "tokenizers", "ctranslate2", "numpy")
State = Literal["running", "finished", "failed", "stopped"]
Config = TypeVar("Config", bound=msgspec.Struct)


class Manifest(msgspec.Struct, frozen=True):
    """What makes a run repeatable. `inputs` are the command's files and model; `files` maps data files to hashes."""

    stage: str
    config: dict[str, Any]
    data_hash: str
    seed: int
    versions: dict[str, str]
    started: str
    inputs: dict[str, Any] = {}
    files: dict[str, str] = {}

    @property
    def data(self) -> tuple[str, ...]:
        """The names of the data files, without folders."""
        return tuple(sorted({Path(name).name for name in self.files}))


class RunSummary(msgspec.Struct, frozen=True):
    """An entry in the list of runs. `dev` are the last figures on held-out data, or None."""

    name: str
    stage: str
    state: State
    step: int
    dev: dict[str, float] | None
    started: str
    outcome: str


class StopRequested:
    """A request to stop, set by SIGINT or SIGTERM. A loop checks `requested` after each step, saves, and ends with exit
    code 130. A second signal raises KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.requested = False
        self._at_once = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.requested or self._at_once:
            raise KeyboardInterrupt
        self.requested = True

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within this context, in which there is nothing to save, a signal raises KeyboardInterrupt immediately."""
        if self.requested:
            raise KeyboardInterrupt
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False


@contextmanager
def stop_signals() -> Iterator[StopRequested]:
    """Turn the first SIGINT or SIGTERM into a request to stop; a second one raises KeyboardInterrupt."""
    stop = StopRequested()
    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class Run:
    """A run's folder, locked for this process from `start` or `resume` to `close`."""

    def __init__(self, folder: Path, manifest: Manifest, lock: Lock) -> None:
        self.folder = folder
        self.manifest = manifest
        self.on_log: Callable[[int, Mapping[str, float | int | str]], None] = lambda step, metrics: None
        """Called with every logged line."""
        self._lock = lock

    @property
    def name(self) -> str:
        """The folder's name, for `--resume`."""
        return self.folder.name

    @classmethod
    def start(
        cls,
        stage: str,
        config: msgspec.Struct,
        data: Sequence[Path],
        seed: int,
        root: Path | None = None,
        inputs: dict[str, Any] | None = None,
    ) -> "Run":
        """Create a run's folder and write its manifest."""
        data_hash = content_hash(data)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        folder = ensure_dir((root or runs_dir()) / f"{stage}-{stamp}-{secrets.token_hex(2)}")
        lock = _acquire(folder)
        manifest = Manifest(
            stage=stage,
            config=msgspec.to_builtins(config),
            data_hash=data_hash,
            seed=seed,
            versions=_versions(),
            started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            inputs=inputs or {},
            files={str(path): content_hash([path]) for path in data},
        )
        write_atomically(folder / _MANIFEST, _pretty(msgspec.to_builtins(manifest)))
        return cls(folder, manifest, lock)

    @classmethod
    def resume(
        cls, stage: str, name: str | None, config: msgspec.Struct, data: Sequence[Path], root: Path | None = None
    ) -> "Run":
        """Open a run again: the one named, or the newest of the stage.

        Raises DataMissing if there is none, and UsageError (exit code 2) if data or configuration changed since the
        start.
        """
        folder = find_run(stage, name, root)
        manifest = read_manifest(folder)
        if manifest.data_hash != content_hash(data):
            raise UsageError(
                f"the data changed since {folder.name} was started ({_difference(manifest, data)}); "
                "start a new run without --resume"
            )
        before = started_with(manifest, type(config), folder.name)
        changed = [key for key in config.__struct_fields__ if getattr(config, key) != getattr(before, key)]
        if changed:
            raise UsageError(
                f"{folder.name} was started with other settings ({', '.join(changed)}); "
                "resume it with the same, or start a new run"
            )
        lock = _acquire(folder)
        (folder / _OUTCOME).unlink(missing_ok=True)
        return cls(folder, manifest, lock)

    def log(self, step: int, **metrics: float | int | str) -> None:
        """Append one line to metrics.jsonl."""
        line = json.dumps({"step": step, **metrics}) + "\n"
        with self._metrics_file.open("a", encoding="utf-8") as stream:
            stream.write(line)
        self.on_log(step, metrics)

    def metrics(self) -> list[dict[str, Any]]:
        """Return all logged lines in order, without an incomplete last line after a crash."""
        return read_metrics(self._metrics_file)

    def save(self, step: int, tree: dict[str, Any], slot: Literal["checkpoint", "best"] = "checkpoint") -> None:
        """Write a checkpoint: a tree of dicts, lists, tensors and JSON values."""
        # Imported late, so that listing runs needs no torch.
        from training.runs.checkpoints import write_checkpoint

        draft = ensure_dir(self.folder / f".{slot}.{secrets.token_hex(4)}.part")
        try:
            write_checkpoint(draft, step, tree)
            self._swap_in(draft, slot)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise

    def load(self, slot: Literal["checkpoint", "best"] = "checkpoint") -> tuple[int, dict[str, Any]] | None:
        """Return the step and the tree last saved, or None. For "checkpoint", drops logged steps after it, which will
        be repeated.
        """
        from training.runs.checkpoints import read_checkpoint

        for draft in self.folder.glob(f".{slot}.*.part"):
            shutil.rmtree(draft, ignore_errors=True)  # Incomplete, from a killed process.
        place = self.folder / slot
        aside = self.folder / f"{slot}.old"
        if not place.exists() and aside.exists():
            aside.rename(place)
        if not place.exists():
            return None
        step, tree = read_checkpoint(place)
        if slot == "checkpoint":
            self.forget_after(step)
        return step, tree

    def finish(self, made: str) -> None:
        """Record that the run is complete, and its result."""
        write_atomically(self.folder / _OUTCOME, _pretty({"state": "finished", "outcome": made}))

    def fail(self, reason: str) -> None:
        """Record that the run failed, and why. Its last checkpoint stays."""
        write_atomically(self.folder / _OUTCOME, _pretty({"state": "failed", "outcome": reason}))

    def close(self) -> None:
        """Release the lock."""
        self._lock.close()

    @property
    def _metrics_file(self) -> Path:
        return self.folder / _METRICS

    def _swap_in(self, draft: Path, slot: str) -> None:
        # A folder cannot replace a non-empty one, so the previous one is renamed first. `load` finds it there after a
        # crash.
        place, aside = self.folder / slot, self.folder / f"{slot}.old"
        shutil.rmtree(aside, ignore_errors=True)
        if place.exists():
            place.rename(aside)
        draft.rename(place)
        sync_dir(self.folder)
        shutil.rmtree(aside, ignore_errors=True)

    def forget_after(self, step: int) -> None:
        """Drop the logged steps after this one, which a resumed run repeats."""
        kept = [row for row in self.metrics() if row["step"] <= step]
        write_atomically(self._metrics_file, "".join(json.dumps(row) + "\n" for row in kept).encode())


def _difference(manifest: Manifest, data: Sequence[Path]) -> str:
    """Describe how the data files differ from the manifest's."""
    now = {str(path): content_hash([path]) for path in data}
    changed = [name for name, hashed in now.items() if manifest.files.get(name, hashed) != hashed]
    gone = [name for name in manifest.files if name not in now]
    new = [name for name in now if name not in manifest.files]
    parts = [("other content in", changed), ("without", gone), ("with", new)]
    return "; ".join(f"{word} {', '.join(names)}" for word, names in parts if names) or "in another order"


def find_run(stage: str, name: str | None, root: Path | None = None) -> Path:
    """Return the folder of the run named, or of the stage's newest run. Raises DataMissing."""
    root = root or runs_dir()
    if name:
        folder = root / name
        if not (folder / _MANIFEST).is_file():
            raise DataMissing(f"no run {name!r} in {root}; `assistant-train runs` lists them")
        return folder
    manifests = sorted(root.glob(f"{stage}-*/{_MANIFEST}"), key=lambda path: path.stat().st_mtime)
    if not manifests:
        raise DataMissing(f"no run of {stage} to resume in {root}")
    return manifests[-1].parent


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest in a run's folder. Raises UsageError if it is damaged."""
    try:
        return msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=Manifest)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read the manifest of {folder.name} ({error}): start a new run") from error


def started_with(manifest: Manifest, kind: type[Config], name: str) -> Config:
    """Return the configuration that a run was started with. Options added since have their defaults. Raises UsageError
    if it does not fit this version.
    """
    try:
        return msgspec.convert(manifest.config, kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"{name} was made by another version of Parley and cannot be resumed: {error}") from error


def list_runs(root: Path | None = None) -> list[RunSummary]:
    """Return every readable run, oldest first."""
    found = []
    for path in (root or runs_dir()).glob(f"*/{_MANIFEST}"):
        try:
            found.append(_summarize(path.parent))
        except UsageError:
            continue
    return sorted(found, key=lambda run: run.started)


def _summarize(folder: Path) -> RunSummary:
    manifest = read_manifest(folder)
    rows = read_metrics(folder / _METRICS)
    outcome = _read_outcome(folder)
    judged = next((row for row in reversed(rows) if any(key.startswith("dev_") for key in row)), None)
    return RunSummary(
        name=folder.name,
        stage=manifest.stage,
        state="running" if is_held(folder / _LOCK) else outcome.get("state", "stopped"),
        step=int(rows[-1]["step"]) if rows else 0,
        dev={key: value for key, value in judged.items() if key.startswith("dev_")} if judged else None,
        started=manifest.started,
        outcome=outcome.get("outcome", ""),
    )


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a metrics.jsonl in order, without an incomplete last line after a crash."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def _read_outcome(folder: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode((folder / _OUTCOME).read_bytes(), type=dict[str, Any])
    except (OSError, ValueError, RecursionError):
        return {}


def _acquire(folder: Path) -> Lock:
    def refusal(owner: str) -> str:
        return f"another process (pid {owner or 'unknown'}) works on {folder.name}; wait for it or stop it"

    lock = Lock(folder / _LOCK, refusal)
    lock.tell(str(os.getpid()))
    return lock


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
