"""Which models are on this machine, and which one answers. Reads folders and the promoted pointer; downloads nothing
and loads nothing.
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
    """The model that a reference names: `auto`, `current`, `pocket`, a Hub id, a path or a registry version.

    Raises ModelMissing where it is not on this machine and ModelDamaged where its files are not whole.
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
    """The model that answers, and the sentence that says why it is that one."""
    if settings.model.ref == "auto":
        return _choose_automatically(settings)
    model = resolve(settings.model.ref, settings)
    return model, f"{model.ref} was chosen in the settings."


def choose_backend(settings: Settings, model: ModelVersion | None = None) -> BackendName:
    """The backend to run on this machine: the only one that can run the model, else the one that the settings name,
    else `transformers` where there is a GPU.
    """
    if model is not None and model.soft_prompt:
        return "transformers"
    if settings.model.backend != "auto":
        return settings.model.backend
    return "transformers" if _has_gpu() else "ctranslate"


def list_models() -> list[ModelVersion]:
    """Every whole model on this machine: pocket, then pulled and tuned ones, then the Hub's cache. No duplicates."""
    found: dict[str, ModelVersion] = {}
    for ref, folder, kind in _candidates():
        try:
            found.setdefault(ref, _pocket() if kind == "bundled" else _version(ref, folder, kind))
        except (ModelDamaged, ModelMissing):
            continue  # `assistant models show REF` says what is wrong with it
    return list(found.values())


def promoted_ref() -> str | None:
    """What the promoted pointer names, None where nothing was promoted."""
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
    """The promoted model, else the base if it is on disk, else pocket. A damaged one is passed over, and said."""
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
    # A Hub id keeps its letters.
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
        # What Parley made was checked against its weights when it was made; a foreign conversion never was.
        converted=str(converted) if kind in {"bundled", "version"} and (converted / "model.bin").exists() else None,
        parameters=facts.parameters,
        window=facts.window,
        licence=facts.licence,
        soft_prompt=soft_prompt_of(folder),
        speaker_tags=facts.speaker_tags,
    )


def locate(ref: str) -> Path:
    """The folder that a path, a registry version or a Hub id names. Raises ModelMissing where there is none."""
    return _locate(ref)[1]


def _locate(ref: str) -> tuple[_Kind, Path]:
    """The folder of a path, a registry version or a Hub id, in that order only where the path is written as one."""
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
    """A name or org/name, which cannot lead out of the folder it is looked up in."""
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
    """Where `assistant models pull` puts a model of the Hub."""
    return models_dir() / hub_id.replace("/", "--")


def candidates() -> Iterator[tuple[str, Path]]:
    """Every folder that may hold a pulled model or one of the Hub's cache, whole or not, and its Hub id."""
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
    """The folder that a repository in the Hub's cache points to as its main revision."""
    try:
        revision = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    folder = repository / "snapshots" / revision
    return folder if revision.isalnum() and folder.is_dir() else None


def _hub_cache() -> Path:
    """Where the Hub's own library keeps downloads (its documented variables)."""
    if place := os.environ.get("HF_HUB_CACHE"):
        return Path(place).expanduser()
    home = os.environ.get("HF_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".cache" / "huggingface") / "hub"


def _has_gpu() -> bool:
    """Whether there is an NVIDIA device for this process and a torch that can use it; asked without importing torch."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all") in {"", "-1"} or not any(Path("/dev").glob("nvidia[0-9]*")):
        return False
    try:
        return not importlib.metadata.version("torch").endswith("+cpu")
    except importlib.metadata.PackageNotFoundError:
        return False
