"""`assistant-train memory MODEL`: the memory to store, serve and tune a model. No weights are loaded: the model is
built on torch's meta device, where tensors have a shape but no content, and the tensors that a training pass saves for
its gradients are added up.

Not included: the libraries (about 600 MiB in a process on CPU) and the allocator's reserve.
"""

import copy
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, T5ForConditionalGeneration

from assistant.models.registry import resolve
from assistant.settings import load_settings
from training.runs import tables
from training.runs.job import Job
from training.sft.config import MemoryConfig
from training.sft.seq2seq_trainer import mean_loss

MIB = 2**20
_BYTES = {"float32": 4, "bfloat16": 2}
_METHODS = ("full", "lora", "prompt-tuning")


def run(job: Job[MemoryConfig]) -> dict[str, Any]:
    """Run `assistant-train memory`: return MiB to store, serve and train, by precision and method."""
    model = resolve(job.operands[0], load_settings())
    return {"model": model.ref, **predict(Path(model.folder), job.config)}


def predict(folder: Path, config: MemoryConfig) -> dict[str, Any]:
    """Return the figures for the model in the folder, in MiB. Only its config.json is read."""
    settings = AutoConfig.from_pretrained(folder, local_files_only=True)
    parameters = sum(weight.numel() for weight in _build(settings).parameters())
    training = {method: _training(settings, method, config) for method in _METHODS}
    return {
        "parameters": parameters,
        "store": {"float32": parameters * 4 / MIB, "bfloat16": parameters * 2 / MIB, "int8": parameters / MIB},
        # For one text: the weights, and the much smaller caches. int8 is CTranslate2's.
        "serve": {
            "float32": (parameters * 4 + _cache(settings, config, 4)) / MIB,
            "bfloat16": (parameters * 2 + _cache(settings, config, 2)) / MIB,
            "int8": (parameters + _cache(settings, config, 4)) / MIB,
        },
        "train": training,
        "batch_size": config.batch_size,
        "length": config.length,
        "target_length": config.target_length,
        "precision": config.precision,
    }


def show(result: Mapping[str, Any]) -> str:
    """Format the figures as text, with tables."""
    store = [["precision", "store MiB", "serve MiB"]]
    store += [[name, f"{result['store'][name]:.0f}", f"{result['serve'][name]:.0f}"] for name in result["store"]]
    names = ["weights", "gradients", "optimizer", "activations", "total"]
    train = [["method", "trained", *names]]
    train += [
        [method, f"{row['trained_parameters']}", *(f"{row[name]:.0f}" for name in names)]
        for method, row in result["train"].items()
    ]
    head = f"{result['model']}, {result['parameters'] / 1e6:.1f} M parameters"
    shape = (
        f"training in MiB, {result['precision']}: {result['batch_size']} examples of {result['length']} "
        f"and {result['target_length']} tokens; the libraries take about 600 MiB more"
    )
    return f"{head}\n\n{tables.columns(store)}\n\n{shape}\n\n{tables.columns(train)}"


def _training(settings: Any, method: str, config: MemoryConfig) -> dict[str, float]:
    model = _prepared(settings, method, config)
    weights = sum(weight.numel() for weight in model.parameters()) * 4
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    if method == "prompt-tuning":
        trained = config.virtual_tokens * settings.d_model
    kept = _kept(model, settings, method, config)
    if config.activation_checkpointing:
        kept += _computed_again(settings, method, config)
    found = {
        "weights": weights / MIB,
        "gradients": trained * 4 / MIB,
        # AdamW keeps two moments of every trained parameter.
        "optimizer": trained * 8 / MIB,
        "activations": kept * _BYTES[config.precision] / 4 / MIB,
    }
    return {"trained_parameters": trained, **found, "total": sum(found.values())}


def _prepared(settings: Any, method: str, config: MemoryConfig) -> Any:
    """Return the model as the method trains it. A soft prompt is part of the input instead."""
    model = _build(settings)
    if method == "lora":
        ends = LoraConfig(task_type="SEQ_2_SEQ_LM", r=config.rank, target_modules=["q", "v"])
        with torch.device("meta"), warnings.catch_warnings():
            # peft uses a name that transformers has deprecated.
            warnings.filterwarnings("ignore", category=FutureWarning)
            model = get_peft_model(model, ends, low_cpu_mem_usage=True)
    elif method == "prompt-tuning":
        model.requires_grad_(False)
    return model


def _computed_again(settings: Any, method: str, config: MemoryConfig) -> int:
    """Return the bytes that activation checkpointing recomputes at a time: those of the larger of an encoder and a
    decoder layer, measured as what a second layer saves without checkpointing.
    """
    plain = msgspec.structs.replace(config, activation_checkpointing=False)

    def kept(encoders: int, decoders: int) -> int:
        shape = copy.deepcopy(settings)
        shape.num_layers, shape.num_decoder_layers = encoders, decoders
        return _kept(_prepared(shape, method, plain), shape, method, plain)

    one = kept(1, 1)
    return max(kept(2, 1), kept(1, 2)) - one


def _kept(model: Any, settings: Any, method: str, config: MemoryConfig) -> int:
    """Return the bytes for the backward pass: every distinct tensor that autograd saves, except weights, plus the
    gradient of the logits, which is the largest gradient.
    """
    weights = {weight.untyped_storage()._cdata for weight in model.parameters()}
    saved: dict[int, tuple[int, torch.UntypedStorage]] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            saved[storage._cdata] = storage.nbytes(), storage  # keeps it alive, so that its id is not reused
        return tensor

    length = config.length + (config.virtual_tokens if method == "prompt-tuning" else 0)
    embedded = torch.empty(config.batch_size, length, settings.d_model, device="meta", requires_grad=method != "full")
    ids = torch.empty(config.batch_size, length, dtype=torch.long, device="meta")
    targets = torch.empty(config.batch_size, config.target_length, dtype=torch.long, device="meta")
    if config.activation_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.train()
    source = {"input_ids": ids} if method != "prompt-tuning" else {"inputs_embeds": embedded}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = model(**source, decoder_input_ids=targets, use_cache=False)
        mean_loss(output, targets, num_items_in_batch=1)
    logits: int = config.batch_size * config.target_length * settings.vocab_size * 4
    return logits + sum(size for size, _ in saved.values())


def _cache(settings: Any, config: MemoryConfig, size: int) -> int:
    """Return the bytes of the decoder's attention caches for one text: keys and values of target and source."""
    inner: int = settings.num_heads * settings.d_kv
    layers: int = settings.num_decoder_layers
    return 2 * layers * inner * (config.length + config.target_length) * size


def _build(settings: Any) -> Any:
    with torch.device("meta"):
        model = T5ForConditionalGeneration(settings)
        if not settings.scale_decoder_outputs:
            # transformers ties the output weights here, but models that do not scale their logits have separate ones.
            model.lm_head = torch.nn.Linear(settings.d_model, settings.vocab_size, bias=False)
    return model
