"""The versions made on this machine: facts, the promoted pointer, lineage and removal.

    models_dir()/v3/           config.json, tokenizer.json and weights, complete without the base
        adapter/               the adapter that was applied to its base, if any
        ctranslate/            the checked conversion
        version.json           VersionFacts
    models_dir()/current.json  {"ref": the promoted model, "previous": [...], the newest last}

A version gets its number under a lock when its folder is complete, so that two processes never share one. Numbers are
never reused, because answers in the store refer to them.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import msgspec

from assistant.errors import AssistantError, ModelDamaged, ModelMissing, UsageError
from assistant.files import sync_dir, write_atomically
from assistant.locations import ensure_dir, models_dir
from assistant.models.folder import fingerprint
from assistant.models.registry import list_models, promoted_ref, resolve
from assistant.records import ModelVersion
from assistant.settings import Settings, load_settings

ADAPTER, CONVERTED, FACTS = "adapter", "ctranslate", "version.json"
_REMEMBERED = 50
"""The number of promotions that can be rolled back."""


class VersionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The origin and the metrics of a version. `register` fills in name, creation time, size and files.

    `base` is the reference of the model whose weights it starts from, and `base_hash` their fingerprint, so that an
    adapter is never applied to other weights than it was trained on. `parent` is the version whose adapter was trained
    further, empty if training started afresh. `figures` are measurements by name. `data` are the names of the files
    read, `data_hash` is a hash of their content. `files` are the sizes of the version's files in bytes, to detect
    damage.
    """

    base: str
    method: str
    name: str = ""
    parent: str = ""
    run: str = ""
    data_hash: str = ""
    created: str = ""
    figures: dict[str, Any] = {}
    size_bytes: int = 0
    adapter: bool = False
    base_hash: str = ""
    trained_parameters: int = 0
    seed: int = 0
    versions: dict[str, str] = {}
    config: dict[str, Any] = {}
    data: tuple[str, ...] = ()
    files: dict[str, int] = {}


@contextmanager
def preparing() -> Iterator[Path]:
    """Yield an empty folder in which to build a version; it is deleted afterwards unless `register` moved it."""
    draft = ensure_dir(models_dir()) / f".{token_hex(6)}.{os.getpid()}.part"
    draft.mkdir(mode=0o700)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def register(prepared: Path, facts: VersionFacts) -> ModelVersion:
    """Make a prepared folder the next version, atomically, and return it.

    The folder must be on the disk of `models_dir()`, as `preparing` ensures. Raises ModelDamaged if it holds no
    complete model.
    """
    resolve(str(prepared), load_settings())
    _make_private(prepared)
    sizes = _sizes(prepared)
    with _alone():
        number = _next_number()
        facts = msgspec.structs.replace(
            facts,
            name=f"v{number}",
            created=facts.created or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            size_bytes=sum(sizes.values()),
            files=sizes,
        )
        write_atomically(prepared / FACTS, msgspec.json.format(msgspec.json.encode(facts), indent=2))
        _sync(prepared)
        write_atomically(models_dir() / ".last", str(number).encode())
        prepared.rename(models_dir() / facts.name)
        sync_dir(models_dir())
    return resolve(facts.name, load_settings())


def read_facts(ref: str) -> VersionFacts | None:
    """Return the facts of a registry version or `current`; None for a model not made here."""
    model = resolve(ref, load_settings())
    return facts_of(model)


def facts_of(model: ModelVersion) -> VersionFacts | None:
    """Return the facts of a resolved model, None if it was not made here. Raises ModelDamaged if
    they are unreadable.
    """
    place = Path(model.folder) / FACTS
    if model.kind != "version" or not place.exists():
        return None
    try:
        return msgspec.json.decode(place.read_bytes(), type=VersionFacts)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelDamaged(f"cannot read {place}: {error}; remove the version and make it again") from error


def add_figures(version: ModelVersion, figures: dict[str, Any]) -> VersionFacts:
    """Add measurements made after the version was registered, and return all its facts."""
    facts = facts_of(version)
    if facts is None:
        raise UsageError(f"{version.ref} is not a version made on this machine")
    facts = msgspec.structs.replace(facts, figures=facts.figures | figures)
    write_atomically(Path(version.folder) / FACTS, msgspec.json.format(msgspec.json.encode(facts), indent=2))
    return facts


def check_whole(model: ModelVersion) -> None:
    """Raise ModelDamaged if a file of a version is missing or has changed its size."""
    facts = facts_of(model)
    for name, size in (facts.files if facts else {}).items():
        place = Path(model.folder) / name
        if not place.is_file():
            raise ModelDamaged(f"{model.ref} lacks {name}: make it again, or `assistant models rollback`")
        if place.stat().st_size != size:
            raise ModelDamaged(
                f"{model.ref}: {name} has {place.stat().st_size} bytes instead of {size}: "
                "make it again, or `assistant models rollback`"
            )


def policy_of(model: ModelVersion, settings: Settings) -> tuple[ModelVersion, Path | None]:
    """Return what training continues from: the base and its adapter, or the model and None if it has no adapter.

    Raises ModelDamaged if the base's weights have changed since the adapter was trained.
    """
    facts = facts_of(model)
    if facts is None or not facts.adapter:
        return model, None
    base = resolve(facts.base, settings)
    if fingerprint(Path(base.folder)) != facts.base_hash:
        raise ModelDamaged(
            f"{facts.base} is not the model that {model.ref} was made of any more: "
            f"`assistant models export {model.ref}` writes it as a model of its own, which can be tuned"
        )
    return base, Path(model.folder) / ADAPTER


def promote(ref: str, settings: Settings | None = None, why: str = "") -> ModelVersion:
    """Make this the promoted model. The pointer changes atomically; a damaged or missing model is refused."""
    settings = settings or load_settings()
    if ref in {"auto", "current"}:
        raise UsageError(f"name the model to use instead of {ref!r}; `assistant models list` shows them")
    model = resolve(ref, settings)
    check_whole(model)
    with _alone():
        before, previous = _pointer()
        if before != model.ref:
            _point(model.ref, [*previous, *([before] if before else [])], why)
    return model


def rollback(settings: Settings | None = None) -> str:
    """Promote the previously promoted model again, and return its reference. Models that are gone are skipped.

    If there is none, undo the promotion and return "auto", the automatic choice. Raises ModelMissing if nothing is
    promoted.
    """
    settings = settings or load_settings()
    with _alone():
        current, previous = _pointer()
        if current is None:
            raise ModelMissing("nothing to roll back: no model was promoted; `assistant models use REF` chooses one")
        while previous:
            ref = previous.pop()
            try:
                check_whole(resolve(ref, settings))
            except AssistantError:
                continue
            _point(ref, previous, f"rolled back from {current}")
            return ref
        (models_dir() / "current.json").unlink()
        sync_dir(models_dir())
        return "auto"


def remove(ref: str, *, force: bool = False) -> Path:
    """Delete a version or a pulled model, and return its former folder.

    Raises UsageError for the promoted one, for one that other versions derive from, unless forced, and for any outside
    Parley's models.
    """
    settings = load_settings()
    if ref == "current":
        raise UsageError("the promoted model is in use: choose another first with `assistant models use REF`")
    folder = _own_folder(ref, settings)
    with _alone():
        if _promoted() == ref:
            raise UsageError(f"{ref} is in use: choose another first with `assistant models use REF`")
        if (children := [facts.name for facts in _living() if ref in {facts.parent, facts.base}]) and not force:
            raise UsageError(
                f"{', '.join(children)} came from {ref} and cannot be trained further without it: "
                "remove them first, or use --force"
            )
        aside = folder.with_name(f".{folder.name}.{token_hex(4)}.{os.getpid()}.part")
        folder.rename(aside)
        sync_dir(models_dir())
    shutil.rmtree(aside)
    return folder


def _own_folder(ref: str, settings: Settings) -> Path:
    """Return the folder of a version, complete or not, or of a pulled model."""
    plain = models_dir() / ref.replace("/", "--")
    if ref.count("/") <= 1 and not ref.startswith(".") and plain.is_dir() and plain.parent == models_dir():
        return plain
    model = resolve(ref, settings)
    what = (
        "comes with Parley" if model.kind == "bundled" else f"lies in {model.folder}, which is not Parley's to delete"
    )
    raise UsageError(f"{ref} {what}")


def _living() -> list[VersionFacts]:
    found = []
    for model in list_models():
        try:
            facts = facts_of(model)
        except ModelDamaged:
            continue
        if facts:
            found.append(facts)
    return found


def _promoted() -> str | None:
    try:
        return promoted_ref()
    except ModelDamaged:
        return None  # An unreadable pointer protects nothing; `use` rewrites it.


def _pointer() -> tuple[str | None, list[str]]:
    """Return the promoted reference and those before it. An unreadable pointer counts as none."""
    promoted = _promoted()
    if promoted is None:
        return None, []
    content = json.loads((models_dir() / "current.json").read_text(encoding="utf-8"))
    previous = content.get("previous", [])
    return promoted, [ref for ref in previous if isinstance(ref, str)] if isinstance(previous, list) else []


def _point(ref: str, previous: list[str], why: str) -> None:
    content = {
        "ref": ref,
        "previous": previous[-_REMEMBERED:],
        "promoted": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "why": why,
    }
    write_atomically(models_dir() / "current.json", json.dumps(content, indent=2).encode() + b"\n")


def _next_number() -> int:
    """Return one more than the highest number any version has or had."""
    taken = [int(path.name[1:]) for path in models_dir().glob("v*/") if path.name[1:].isdigit()]
    with suppress(OSError, ValueError):
        taken.append(int((models_dir() / ".last").read_text()))
    return max(taken, default=0) + 1


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the registry's lock, which every change takes briefly."""
    place = ensure_dir(models_dir()) / ".lock"
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sizes(folder: Path) -> dict[str, int]:
    """Return the size in bytes of each file except the card, which may be rewritten."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "README.md"]
    return {str(path.relative_to(folder)): path.stat().st_size for path in files}


def _make_private(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        # A hard-linked file also belongs to the base, which sets its mode.
        if path.is_dir() or path.stat().st_nlink == 1:
            path.chmod(0o700 if path.is_dir() else 0o600)


def _sync(folder: Path) -> None:
    """Flush every file to disk before the folder is renamed."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        else:
            sync_dir(path)
    sync_dir(folder)
