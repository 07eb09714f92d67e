"""Exports a model trained on a GPU as a model folder for Parley."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import T5Config, T5ForConditionalGeneration

from assistant.engine.conversion import convert_folder
from assistant.errors import DataMissing
from training.pocket.config import PocketConfig
from training.pocket.gpu.bundle import PAIRS, Bundle, config_of, read_bundle
from training.pocket.gpu.network import Shape
from training.pocket.model import export as write_model
from training.runs.model_card import Card, CardData, write_card

CONVERTED = "ctranslate"
"""Name of the int8 conversion inside the model's folder."""


def export(trained: Path, bundle: Path, out: Path, licence: str = "") -> dict[str, Any]:
    """Write the trained model to the folder `out`: float16 weights, tokenizer, int8 conversion and card. Return its
    figures. Raises DataMissing if training or bundle is missing or not finished.
    """
    weights = trained / "model.safetensors"
    if not weights.is_file():
        raise DataMissing(f"{trained} has no model.safetensors: finish the training first")
    data = read_bundle(bundle)
    model = as_transformers(data.shape, load_file(weights))
    tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
    write_model(model, tokenizer, PocketConfig(window=data.shape.n_positions), out)
    convert_folder(out, out / CONVERTED)
    figures = _figures(trained)
    write_card(out, _card(data, figures, licence))
    return {"model": str(out), **figures}


def as_transformers(shape: Shape, weights: Mapping[str, torch.Tensor]) -> T5ForConditionalGeneration:
    """Return the network as transformers' model, in float32."""
    model = T5ForConditionalGeneration(T5Config.from_dict(config_of(shape)))
    own = {name: value.float() for name, value in weights.items()}
    found = model.load_state_dict(own, strict=False)
    assert not found.unexpected_keys
    model.tie_weights()
    model.eval()
    return model


def _figures(trained: Path) -> dict[str, Any]:
    """Return the last value of every figure in the log."""
    found: dict[str, Any] = {}
    for line in (trained / "log.jsonl").read_text(encoding="utf-8").splitlines():
        found |= json.loads(line)
    return found


def _card(bundle: Bundle, figures: dict[str, Any], licence: str) -> Card:
    shape = bundle.shape
    held_out = figures.get("held_out")
    return Card(
        title="A dialogue summarizer trained on a GPU",
        summary=(
            f"A T5 of {figures['parameters'] / 1e6:.1f} M parameters, {shape.num_layers}+{shape.num_decoder_layers} "
            f"layers, width {shape.d_model}, {shape.vocab_size:,} pieces, trained from scratch."
        ),
        licence=licence,
        data=[CardData(one.name, len(one), one.phase + (" as text" * (one.kind != PAIRS))) for one in bundle.sources],
        figures={
            "held-out loss, nats a token": f"{held_out:.3f}" if held_out else "not measured",
            "steps": f"{figures['step']:,}",
            "minutes": f"{figures['seconds'] / 60:.1f}",
        },
        limits=[
            f"Reads {shape.n_positions} tokens at a time; longer conversations are summarized in parts.",
            "Writes fluently even where it is wrong: have it sit the exam with `assistant models exam`.",
        ],
        command="python -m training.pocket.gpu train BUNDLE",
    )
