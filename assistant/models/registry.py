"""Finds the models on this machine and chooses one. Reads folders and the promoted pointer; downloads and loads
nothing.
"""

import importlib.metadata
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from assistant.errors import AssistantError, ModelDamaged, ModelMissing
from assistant.locations import models_dir
from assistant.models.folder import inspect_folder, soft_prompt_of
from assistant.records import BackendName, ModelVersion
from assistant.settings import Settings

POCKET = "pocket"
_BUNDLED = Path(__file__).parent / "pocket"
_Kind = Literal["bundled", "hub", "path", "version"]


def resolve(ref: str, settings: Settings) -> ModelVersion:
    """Return the model that a reference names: `auto`, `current`, `pocket`, a Hub id, a path or a registry version.

    Raises ModelMissing if it is not on this machine and ModelDamaged if its files are incomplete.
    """
    if ref == "auto":
        return _choose_automatically(settings)[0]
    if ref == "current":
        promoted = promoted_ref()
        if promoted is None:
            raise ModelMissing("no model was promoted yet: name one, such as pocket; `assistant models list` lists all")
        return resolve(promoted, settings)
    if ref == POCKET:
        return _pocket()
    kind, folder = _locate(ref)
    return _version(ref if kind != "path" else str(folder), folder, kind)


def choose(settings: Settings) -> tuple[ModelVersion, str]:
    """Return the model to use, and a sentence that says why."""
    if settings.model.ref == "auto":
        return _choose_automatically(settings)
    model = resolve(settings.model.ref, settings)
    return model, f"{model.ref} was chosen in the settings."


def choose_backend(settings: Settings, model: ModelVersion | None = None) -> BackendName:
    """Return the backend to use: the only one that can run the model, else the one in the settings, else `transformers`
    if there is a GPU and `ctranslate` if not.
    """
    if model is not None and model.soft_prompt:
        return "transformers"
    if settings.model.backend != "auto":
        return settings.model.backend
    return "transformers" if _has_gpu() else "ctranslate"


def list_models() -> list[ModelVersion]:
    """Return every complete model on this machine, without duplicates: pocket, then pulled and tuned ones, then the
    Hub's cache.
    """
    found: dict[str, ModelVersion] = {}
    for ref, folder, kind in _candidates():
        try:
            found.setdefault(ref, _pocket() if kind == "bundled" else _version(ref, folder, kind))
        except (ModelDamaged, ModelMissing):
            continue  # `assistant models show REF` reports the problem
    return list(found.values())


def promoted_ref() -> str | None:
    """Return the reference in the promoted pointer, None if nothing was promoted."""
    pointer = models_dir() / "current.json"
    try:
        ref = json.loads(pointer.read_text(encoding="utf-8"))["ref"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelDamaged(f"cannot read {pointer}: choose a model with `assistant models use REF`") from error
    if not isinstance(ref, str) or ref in {"", "auto", "current"}:
        raise ModelDamaged(f"{pointer} names no model: choose one with `assistant models use REF`")
    return ref


def _choose_automatically(settings: Settings) -> tuple[ModelVersion, str]:
    """Return the promoted model, else the base if it is on disk, else pocket, and why. A damaged one is skipped with a
    reason.
    """
    reasons = []
    if promoted := promoted_ref():
        try:
            return resolve(promoted, settings), f"{promoted} is the promoted model."
        except AssistantError as error:
            reasons.append(f"the promoted model cannot be used ({error})")
    base = settings.model.base
    try:
        return resolve(base, settings), _sentence([*reasons, f"{base} is the base model"])
    except ModelMissing:
        reasons.append(f"{base} is not on this machine (`assistant models pull {base}` downloads it)")
    except ModelDamaged as error:
        reasons.append(f"the base model cannot be used ({error})")
    return _pocket(), _sentence([*reasons, "the small bundled model is used"])


def _sentence(parts: list[str]) -> str:
    text = "; ".join(parts)
    # A Hub id is not capitalized.
    return f"{text[:1].upper() if text.startswith('the ') else text[:1]}{text[1:]}."


def _pocket() -> ModelVersion:
    if not (_BUNDLED / "config.json").exists():
        raise ModelMissing(f"the bundled model is missing from {_BUNDLED}: install Parley again")
    return _version(POCKET, _BUNDLED, "bundled")


def _version(ref: str, folder: Path, kind: _Kind) -> ModelVersion:
    facts = inspect_folder(folder)
    converted = folder / "ctranslate"
    return ModelVersion(
        ref=ref,
        folder=str(folder),
        kind=kind,
        # Parley checks its conversions against the weights; others are unchecked.
        converted=str(converted) if kind in {"bundled", "version"} and (converted / "model.bin").exists() else None,
        parameters=facts.parameters,
        window=facts.window,
        licence=facts.licence,
        soft_prompt=soft_prompt_of(folder),
        speaker_tags=facts.speaker_tags,
    )


def locate(ref: str) -> Path:
    """Return the folder that a path, a registry version or a Hub id names. Raises ModelMissing if there is none."""
    return _locate(ref)[1]


def _locate(ref: str) -> tuple[_Kind, Path]:
    """Return the folder of a registry version, a Hub id or a path; a reference written as a path is only looked up as
    one.
    """
    path = Path(ref).expanduser()
    if ref.startswith(("/", "./", "../", "~")):
        if not path.is_dir():
            raise ModelMissing(f"there is no model folder {ref}: `assistant models list` lists the models")
        return "path", path.resolve()
    if _is_plain(ref):
        for kind, folder in _known_places(ref):
            if folder.is_dir():
                return kind, folder
    if path.is_dir():
        return "path", path.resolve()
    hint = f", `assistant models pull {ref}` downloads it" if ref.count("/") == 1 else ""
    raise ModelMissing(f"there is no model {ref!r} on this machine: `assistant models list` lists the models{hint}")


def _is_plain(ref: str) -> bool:
    """Whether the reference is NAME or ORG/NAME, which cannot escape the folder it is looked up in."""
    parts = ref.split("/")
    return len(parts) <= 2 and all(part and part not in {".", ".."} and "\\" not in part for part in parts)


def _known_places(ref: str) -> Iterator[tuple[_Kind, Path]]:
    if "/" not in ref:
        yield "version", models_dir() / ref
        return
    yield "hub", pulled_folder(ref)
    if snapshot := _snapshot(_hub_cache() / f"models--{ref.replace('/', '--')}"):
        yield "hub", snapshot


def pulled_folder(hub_id: str) -> Path:
    """Return the folder where `assistant models pull` puts a model of the Hub."""
    return models_dir() / hub_id.replace("/", "--")


def candidates() -> Iterator[tuple[str, Path]]:
    """Yield the Hub id and folder of every pulled or cached model, complete or not."""
    return ((ref, folder) for ref, folder, kind in _candidates() if kind == "hub")


def _candidates() -> Iterator[tuple[str, Path, _Kind]]:
    yield POCKET, _BUNDLED, "bundled"
    for folder in sorted(models_dir().glob("*/")):
        organisation, separator, name = folder.name.partition("--")
        if separator:
            yield f"{organisation}/{name}", folder, "hub"
        elif not folder.name.startswith("."):
            yield folder.name, folder, "version"
    for repository in sorted(_hub_cache().glob("models--*--*/")):
        if snapshot := _snapshot(repository):
            yield repository.name.removeprefix("models--").replace("--", "/", 1), snapshot, "hub"


def _snapshot(repository: Path) -> Path | None:
    """Return the folder of a cached repository's main revision."""
    try:
        revision = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    folder = repository / "snapshots" / revision
    return folder if revision.isalnum() and folder.is_dir() else None


def _hub_cache() -> Path:
    """Return the folder where the Hub's library keeps downloads, by its documented variables."""
    if place := os.environ.get("HF_HUB_CACHE"):
        return Path(place).expanduser()
    home = os.environ.get("HF_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".cache" / "huggingface") / "hub"


def _has_gpu() -> bool:
    """Whether this process has an NVIDIA device and a torch that supports it, without importing torch."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all") in {"", "-1"} or not any(Path("/dev").glob("nvidia[0-9]*")):
        return False
    try:
        return not importlib.metadata.version("torch").endswith("+cpu")
    except importlib.metadata.PackageNotFoundError:
        return False
