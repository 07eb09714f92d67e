"""Chooses which weights to train: a LoRA adapter (Hu et al. 2021), a soft prompt (Lester et al. 2021), or some or all
of the model's weights.
"""

import warnings
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, PromptTuningConfig, PromptTuningInit, get_peft_model
from transformers.utils import logging

from assistant.engine.recipe import load_float32
from assistant.errors import UsageError
from assistant.models.versions import policy_of
from assistant.records import ModelVersion
from assistant.settings import Settings
from training.sft.config import TuningConfig

_TARGETS = {"attention": ["q", "v"], "all-linear": ["q", "k", "v", "o", "wi", "wi_0", "wi_1", "wo"]}


def start_of(model: ModelVersion, config: TuningConfig, settings: Settings) -> tuple[ModelVersion, Path | None]:
    """Return the base to train on and the adapter to train further, or None for a fresh one.

    Raises UsageError if the model has an adapter that this method cannot train further.
    """
    base, adapter = policy_of(model, settings)
    if adapter is None:
        return model, None
    if model.soft_prompt and config.method == "prompt-tuning":
        return base, adapter
    if model.soft_prompt:
        raise UsageError(
            f"{model.ref} has a soft prompt: tune {base.ref}, or train it further with --method prompt-tuning"
        )
    if config.method == "lora":
        return base, adapter
    if config.method == "prompt-tuning":
        raise UsageError(
            f"{model.ref} has an adapter, and a model has only one: train it further with --method lora, "
            f"or write it as a model of its own with `assistant models export {model.ref}` and tune that"
        )
    return model, None


def prepare(base: Path, adapter: Path | None, config: TuningConfig) -> Any:
    """Load the base in float32, with the method's weights trainable and all others frozen."""
    logging.disable_progress_bar()
    model = load_float32(base)
    # Initialize fresh weights under the run's seed without changing the caller's random state.
    with torch.random.fork_rng(), warnings.catch_warnings():
        # peft uses a name that transformers has deprecated.
        warnings.filterwarnings("ignore", category=FutureWarning)
        torch.manual_seed(config.seed)
        if adapter is not None:
            return PeftModel.from_pretrained(model, str(adapter), is_trainable=True)
        if config.method == "lora":
            return get_peft_model(model, _lora(model, config))
        if config.method == "prompt-tuning":
            return get_peft_model(model, _soft_prompt(base, config))
    chosen = (
        _selected(model, config) if config.method == "selective" else {name for name, _ in model.named_parameters()}
    )
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in chosen)
    return model


def trained_parameters(model: Any) -> int:
    """Return the number of trained parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def write_result(model: Any, folder: Path) -> tuple[Path | None, Path | None]:
    """Write the trained weights. Return (adapter, None) or (None, full weights), for `make_version`."""
    with warnings.catch_warnings():
        # peft looks for the base's card on the Hub, and warns when offline.
        warnings.filterwarnings("ignore", category=UserWarning, module="peft")
        model.save_pretrained(str(folder))
    for path in folder.iterdir():
        path.chmod(0o600)
    return (folder, None) if isinstance(model, PeftModel) else (None, folder)


def bytes_of(folder: Path) -> int:
    """Return the size of a folder's safetensors in bytes."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def _lora(model: Any, config: TuningConfig) -> LoraConfig:
    present = {name.rpartition(".")[2] for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    return LoraConfig(
        task_type="SEQ_2_SEQ_LM",
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=[name for name in _TARGETS[config.targets] if name in present],
    )


def _soft_prompt(base: Path, config: TuningConfig) -> PromptTuningConfig:
    if config.virtual_tokens < 1:
        raise UsageError("virtual_tokens must be at least 1")
    return PromptTuningConfig(
        task_type="SEQ_2_SEQ_LM",
        num_virtual_tokens=config.virtual_tokens,
        # Only the encoder reads them.
        num_transformer_submodules=1,
        prompt_tuning_init=PromptTuningInit.TEXT,
        prompt_tuning_init_text=config.prompt_text,
        tokenizer_name_or_path=str(base),
        tokenizer_kwargs={"local_files_only": True},
    )


def _selected(model: Any, config: TuningConfig) -> set[str]:
    names = [name for name, _ in model.named_parameters()]
    if not config.last_layers:
        return {name for name in names if "layer_norm" in name}
    depths = {"encoder": len(model.encoder.block), "decoder": len(model.decoder.block)}
    wanted = [
        f"{half}.block.{layer}."
        for half, depth in depths.items()
        for layer in range(max(0, depth - config.last_layers), depth)
    ]
    return {name for name in names if any(name.startswith(start) for start in wanted)}
