"""Exports a model to a folder: merged, its adapter alone, or its conversion."""

import os
import shutil
from pathlib import Path
from typing import Literal

from assistant.errors import AssistantError, UsageError
from assistant.files import sync_dir
from assistant.models.folder import BESIDE_WEIGHTS, WEIGHTS
from assistant.models.versions import ADAPTER, check_whole
from assistant.records import ModelVersion

Form = Literal["merged", "adapter", "ctranslate"]
_NEEDED_WITH_CONVERSION = ("config.json", *BESIDE_WEIGHTS, "README.md")


def export(model: ModelVersion, out: Path, form: Form, converted: Path | None = None) -> Path:
    """Write the model to `out`, which must not exist yet, and return it.

    "merged" is a folder for transformers, "adapter" one that peft applies to the base, "ctranslate" one for
    CTranslate2; `converted` is the folder of the conversion if the model does not include one.
    """
    check_whole(model)
    if out.exists():
        raise UsageError(f"{out} exists: name a new folder")
    source = Path(model.folder)
    draft = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        draft.mkdir(parents=True, mode=0o700)
        if form == "merged":
            _copy(source, draft, (*WEIGHTS, *BESIDE_WEIGHTS, "README.md", f"{ADAPTER}/*"), model)
        elif form == "adapter":
            _copy_adapter(source, draft, model)
        else:
            _copy_conversion(source, draft, converted or (Path(model.converted) if model.converted else None), model)
        draft.rename(out)
    except OSError as error:
        raise AssistantError(f"cannot export to {out}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    sync_dir(out.parent)
    return out


def _copy_adapter(source: Path, draft: Path, model: ModelVersion) -> None:
    if not (source / ADAPTER).is_dir():
        raise UsageError(f"{model.ref} has no adapter: export it as merged")
    for path in (source / ADAPTER).iterdir():
        shutil.copyfile(path, draft / path.name)


def _copy_conversion(source: Path, draft: Path, converted: Path | None, model: ModelVersion) -> None:
    if converted is None:
        raise UsageError(f"{model.ref} has no conversion: run `assistant models convert {model.ref}` first")
    for path in converted.iterdir():
        shutil.copyfile(path, draft / path.name)
    for pattern in _NEEDED_WITH_CONVERSION:
        for path in source.glob(pattern):
            # CTranslate2's config.json stays; the folder lacks the tokenizer.
            if not (draft / path.name).exists():
                shutil.copyfile(path, draft / path.name)


def _copy(source: Path, draft: Path, patterns: tuple[str, ...], model: ModelVersion) -> None:
    # The weights of a version with a soft prompt are its base's, so it is complete only with its adapter.
    wanted = patterns if model.soft_prompt else [pattern for pattern in patterns if "/" not in pattern]
    for pattern in wanted:
        for path in source.glob(pattern):
            place = draft / path.relative_to(source)
            place.parent.mkdir(exist_ok=True, mode=0o700)
            shutil.copyfile(path, place)
