"""Finds or makes the CTranslate2 conversion of a model folder. Conversions are cached by content hash, made only once
even by concurrent processes, and in a child process that frees torch's memory when it ends.
"""

import errno
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import msgspec

from assistant import errors
from assistant.engine.precision import BYTES
from assistant.engine.process import open_log
from assistant.engine.protocol import OnProgress, Progress
from assistant.errors import AssistantError, ModelDamaged, UsageError
from assistant.files import sync_dir, write_atomically
from assistant.locations import conversions_dir, ensure_dir
from assistant.models.folder import inspect_folder
from assistant.records import ModelVersion
from assistant.switches import OFFLINE

RECIPE = "2"
"""Part of every cache key: increase it when the conversion changes, to invalidate old conversions."""
_INSTRUCTIONS = ("avx2", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp", "i8mm")
"""Processor flags that affect the accuracy of int8."""
_LIMITS = ("MKL_ENABLE_INSTRUCTIONS", "CT2_FORCE_CPU_ISA", "DNNL_MAX_CPU_ISA", "CT2_USE_MKL")
"""Environment variables that restrict the instructions a library uses."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class _Report(msgspec.Struct, frozen=True, tag_field="type", tag=True):
    """A line of output of the conversion process."""

    stage: str = ""
    kind: str = ""
    message: str = ""


def ensure_converted(model: ModelVersion, on_progress: OnProgress = lambda progress: None) -> Path:
    """Return the folder of the model's conversion: bundled, cached, or made now.

    Raises ModelDamaged if the conversion disagrees with the model, and UsageError if the model has a soft prompt, which
    a conversion cannot hold.
    """
    if model.soft_prompt:
        raise UsageError(f"{model.ref} has a soft prompt, which only the backend transformers can read")
    if model.converted:
        return Path(model.converted)
    source = Path(model.folder)
    key = _known_hash_of(source)
    target = conversions_dir() / key
    if _is_complete(target):
        return target
    with _alone(key, on_progress):
        if not _is_complete(target):
            _clean_leftovers()
            _convert_in_child(source, target, on_progress)
    return target


def find_converted(model: ModelVersion) -> Path | None:
    """Return the folder of the model's conversion, None if there is none yet."""
    if model.converted:
        return Path(model.converted)
    target = conversions_dir() / _known_hash_of(Path(model.folder))
    return target if _is_complete(target) else None


def convert_folder(source: Path, target: Path, on_progress: OnProgress = lambda progress: None) -> None:
    """Convert in this process, check against transformers, and replace `target` atomically."""
    from assistant.engine.recipe import build

    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    ensure_dir(target.parent)
    shutil.rmtree(draft, ignore_errors=True)
    try:
        built = build(source, draft, on_progress)
        _sync(built)
        shutil.rmtree(target, ignore_errors=True)
        built.rename(target)
        sync_dir(target.parent)
    except OSError as error:
        if error.errno in _FULL:
            raise AssistantError(_no_room(source, target)) from error
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def room_needed(source: Path) -> int:
    """Return the bytes that a conversion needs while it is checked: the weights as float32 and in the largest fallback
    type, each with a vocabulary list.
    """
    *smaller, exact = sorted(BYTES.values())
    vocabulary = (source / "tokenizer.json").stat().st_size  # contains every piece and more
    return inspect_folder(source).parameters * (exact + smaller[-1]) + 2 * vocabulary


def _convert_in_child(source: Path, target: Path, on_progress: OnProgress) -> None:
    if shutil.disk_usage(ensure_dir(target.parent)).free < room_needed(source):
        raise AssistantError(_no_room(source, target))
    with (
        open_log() as log,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "assistant.engine.conversion", str(source), str(target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **OFFLINE},
        ) as process,
    ):
        assert process.stdout is not None
        report = _Report()
        try:
            for line in process.stdout:
                report = msgspec.json.decode(line, type=_Report)
                if report.stage:
                    on_progress(Progress(stage=report.stage))
        except BaseException:
            process.kill()
            raise
    if report.kind:
        kind = getattr(errors, report.kind, AssistantError)
        raise kind(report.message)
    if process.returncode or not _is_complete(target):
        shutil.rmtree(target, ignore_errors=True)
        raise AssistantError(
            f"converting {source.name} ended early (exit code {process.returncode}): "
            "try again, or choose the backend transformers"
        )


def hash_of(source: Path) -> str:
    """Return a hash of everything the conversion of a model folder depends on."""
    digest = hashlib.blake2b(repr((RECIPE, processor())).encode(), digest_size=16)
    for path in _ingredients(source):
        digest.update(f"\n{path.name}\n{path.stat().st_size}\n".encode())
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


@cache
def processor() -> str:
    """Describe what determines the accuracy of int8 here: machine type, instructions, and variables
    that restrict them.
    """
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    flags = set(text.split())
    limits = [f"{name}={os.environ[name]}" for name in _LIMITS if name in os.environ]
    return " ".join([platform.machine(), *(flag for flag in _INSTRUCTIONS if flag in flags), *limits])


def _known_hash_of(source: Path) -> str:
    """Return `hash_of(source)`, cached by path, size and time so that the weights are not read again."""
    stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in _ingredients(source)]
    key = hashlib.blake2b(repr((RECIPE, processor(), stats)).encode(), digest_size=16).hexdigest()
    note = conversions_dir() / "keys" / key
    if not note.exists():
        write_atomically(note, hash_of(source).encode())
    return note.read_text()


def _ingredients(source: Path) -> list[Path]:
    parts = [source / "config.json", source / "tokenizer.json", *sorted(source.glob("*.safetensors"))]
    for path in parts:
        if not path.exists():
            raise ModelDamaged(f"{source} lacks {path.name}: get the model again")
    return parts


def _sync(folder: Path) -> None:
    """Flush the files to disk before the folder is renamed."""
    for path in folder.iterdir():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    sync_dir(folder)


def _is_complete(folder: Path) -> bool:
    # A folder is renamed into place only when complete.
    return (folder / "model.bin").exists()


@contextmanager
def _alone(key: str, on_progress: OnProgress) -> Iterator[None]:
    """Hold the lock of a conversion, waiting for another process that is making it."""
    place = ensure_dir(conversions_dir()) / f"{key}.lock"
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_progress(Progress(stage="waiting for another conversion"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _clean_leftovers() -> None:
    """Remove drafts left by killed conversions, whose process is gone."""
    for draft in conversions_dir().glob(".*.part"):
        maker = draft.name.split(".")[-2]
        if not (maker.isdigit() and _is_running(int(maker))):
            shutil.rmtree(draft, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _no_room(source: Path, target: Path) -> str:
    mib = room_needed(source) / 2**20
    return f"converting {source.name} needs {mib:.0f} MiB in {target.parent}: make room and try again"


def _end_with_parent() -> None:
    """Exit when the parent does: standard input closes then."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Convert the folder in argument 1 into argument 2, and report in JSON lines."""
    reports = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _end_with_parent()

    def tell(report: _Report) -> None:
        os.write(reports, msgspec.json.encode(report) + b"\n")

    try:
        convert_folder(Path(sys.argv[1]), Path(sys.argv[2]), lambda progress: tell(_Report(stage=progress.stage)))
    except AssistantError as error:
        tell(_Report(kind=type(error).__name__, message=str(error)))
    except Exception as error:  # noqa: BLE001 - any error of torch becomes one line; the log has the traceback
        traceback.print_exc()
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        tell(_Report(kind="ModelDamaged", message=f"{sys.argv[1]} cannot be converted: {reason}"))


if __name__ == "__main__":
    main()
