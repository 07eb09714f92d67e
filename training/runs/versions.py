"""Makes a model version from a training result: merges the adapter in float32, checks that this changed nothing,
converts for serving, and registers.
"""

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import torch
from peft import PeftModel
from transformers import T5ForConditionalGeneration
from transformers.utils import logging

from assistant.engine.conversion import convert_folder
from assistant.engine.protocol import OnProgress
from assistant.engine.recipe import load_float32
from assistant.engine.tokens import ModelTokenizer
from assistant.errors import ModelDamaged, UsageError
from assistant.locations import ensure_dir
from assistant.models.folder import BESIDE_WEIGHTS, WEIGHTS, fingerprint, soft_prompt_of
from assistant.models.registry import list_models
from assistant.models.versions import (
    ADAPTER,
    CONVERTED,
    VersionFacts,
    add_figures,
    facts_of,
    preparing,
    register,
)
from assistant.records import ModelVersion
from training.runs.model_card import write_version_card

MERGE_TOLERANCE = 1e-3
"""Largest difference between base plus adapter and the merged weights, in nats per token: only rounding is allowed."""
_PROBE = (
    "Summarize the following conversation.\n\nMaya: The review moves to Friday at 10:30.\nTom: I'll book room 4.",
    "The review moves to Friday. Tom will book room 4.",
)


def make_version(
    base: ModelVersion,
    facts: VersionFacts,
    *,
    adapter: Path | None = None,
    weights: Path | None = None,
    on_progress: OnProgress = lambda progress: None,
) -> ModelVersion:
    """Register base plus `adapter`, or the model in the folder `weights`, as the next version, and return it.

    `base` is the model without the adapter, as returned by `assistant.models.versions.policy_of`. It must not have an
    adapter of its own. `facts` need `base` and `method`, and `parent` if a version's adapter was trained further; the
    rest is filled in here and by `register`. The version's folder is a complete model with the int8 conversion and the
    adapter beside it. A version with a soft prompt shares its base's weights and has no conversion. Other files of the
    adapter (a value head) are kept with it.

    Raises UsageError for invalid arguments, and ModelDamaged if merging or converting changed the model's output.
    Nothing is registered then.
    """
    if (adapter is None) == (weights is None):
        raise UsageError("a version needs either an adapter or full weights")
    if adapter is not None and (own := facts_of(base)) is not None and own.adapter:
        raise UsageError(f"{base.ref} has an adapter already; train that one further, or merge it with `models export`")
    with preparing() as draft:
        source = Path(base.folder)
        facts = msgspec.structs.replace(facts, base_hash=fingerprint(source), adapter=adapter is not None)
        if adapter is not None:
            _keep_adapter(adapter, draft / ADAPTER, facts.base)
        if soft_prompt_of(draft):
            _copy(source, draft, (*BESIDE_WEIGHTS, *WEIGHTS), link=True)
        else:
            _assemble(source, draft, adapter, weights, on_progress)
        write_version_card(draft, facts, base.licence)
        return register(draft, facts)


@contextmanager
def trying(base: ModelVersion, adapter: Path, folder: Path) -> Iterator[ModelVersion]:
    """Assemble base plus `adapter` for serving in `folder`, without registering. Removes the folder at the end."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _assemble(Path(base.folder), ensure_dir(folder), adapter, None, lambda progress: None)
        yield msgspec.structs.replace(base, ref="candidate", folder=str(folder), converted=str(folder / CONVERTED))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def version_of_run(run: str) -> ModelVersion | None:
    """Return the version that a training run made, or None."""
    for model in list_models():
        # Skip damaged versions of other runs.
        with suppress(ModelDamaged):
            facts = facts_of(model)
            if facts is not None and facts.run == run:
                return model
    return None


def note_figures(version: ModelVersion, figures: dict[str, Any]) -> None:
    """Add figures to a version's facts and card."""
    facts = add_figures(version, figures)
    write_version_card(Path(version.folder), facts, version.licence)


def merge(base: Path, adapter: Path, out: Path) -> float:
    """Write the base with the adapter merged into its weights, in float32. Return the largest difference to base plus
    adapter, in nats per token.

    Raises ModelDamaged if that is more than rounding.
    """
    logging.disable_progress_bar()
    with warnings.catch_warnings():
        # peft uses a name that transformers has deprecated.
        warnings.filterwarnings("ignore", category=FutureWarning)
        model = PeftModel.from_pretrained(load_float32(base), str(adapter)).eval()
    expected = _log_probabilities(model, base)
    merged: T5ForConditionalGeneration = model.merge_and_unload(safe_merge=True)
    difference = float((_log_probabilities(merged, base) - expected).abs().max())
    if not difference <= MERGE_TOLERANCE:
        raise ModelDamaged(f"merging {adapter} changed the model by {difference:.3g} nats a token: train it again")
    merged.save_pretrained(out)
    return difference


def _assemble(base: Path, draft: Path, adapter: Path | None, weights: Path | None, on_progress: OnProgress) -> None:
    """Write a complete model with its conversion: the base with the adapter merged, or with the weights."""
    _copy(base, draft, BESIDE_WEIGHTS)
    if adapter is not None:
        merge(base, adapter, draft)
    elif weights is not None:
        _copy(weights, draft, WEIGHTS)
    convert_folder(draft, draft / CONVERTED, on_progress)


@torch.inference_mode()
def _log_probabilities(model: Any, folder: Path) -> torch.Tensor:
    """Return the log-probabilities of the probe's target, (tokens,)."""
    tokenizer = ModelTokenizer(folder)
    source, target = (torch.tensor([tokenizer.encode(text)]) for text in _PROBE)
    logits = model(input_ids=source, labels=target).logits.float()
    found: torch.Tensor = torch.log_softmax(logits, -1).gather(-1, target.unsqueeze(-1)).flatten()
    return found


def _keep_adapter(adapter: Path, place: Path, base: str) -> None:
    """Copy the adapter, and replace the folder of its base by the base's reference."""
    place.mkdir(mode=0o700)
    for path in adapter.iterdir():
        if path.is_file() and path.suffix in {".json", ".safetensors"}:
            shutil.copyfile(path, place / path.name)
    config = place / "adapter_config.json"
    if not config.is_file():
        raise ModelDamaged(f"{adapter} has no adapter: adapter_config.json is missing")
    content = msgspec.json.decode(config.read_bytes(), type=dict[str, Any])
    for key in ("base_model_name_or_path", "tokenizer_name_or_path"):
        if content.get(key):
            content[key] = base
    config.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2))


def _copy(source: Path, target: Path, patterns: tuple[str, ...], *, link: bool = False) -> None:
    """Copy files. With `link`, hard-link weights if possible, which is safe because they never change in place."""
    for pattern in patterns:
        for path in source.glob(pattern):
            place = target / path.name
            if link and path.suffix == ".safetensors":
                try:
                    place.hardlink_to(path.resolve())
                    continue
                except OSError:
                    pass
            shutil.copyfile(path, place)
