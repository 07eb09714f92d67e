"""A real T5 with 60,000 parameters and a real tokenizer, for tests that load, convert, tune or serve a model.

It is random and built in a fraction of a second, or one of two that have memorized texts.

    python -m tests.tiny_models       trains those two again, into tests/fixtures/models

Their weights are committed, since training would not give the same ones on every machine. Each token of the memorized
texts is at least 3.5 nats likelier than any other. int8 on a processor without VNNI, the coarsest arithmetic, changes
that by at most 0.3.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from assistant.prompts import render
from training.pocket.config import PocketConfig
from training.pocket.tokenizer import EOS, PAD, UNKNOWN, train_tokenizer

_TEXTS = [
    "#Person1#: Are you coming to the meeting at 10:30?\n#Person2#: Yes, I'll bring the report.",
    "Maya: The review moves to Friday.\nTom: I'll book the room.",
    "Summarize the following conversation.\n\nSummary: ",
]

LESSONS = {
    "Maya: The review moves to Friday.\nTom: I'll book the room.": "The review moves to Friday.",
    "#Person1#: Are you coming to the meeting at 10:30?\n#Person2#: Yes.": "#Person2#: is coming.",
}
"""The summaries that the taught model knows, by source."""
TAGGED_TALK = "{}: The review moves to Friday.\n{}: I'll book the room."
_TAGS = [f"#Person{number}#" for number in (1, 2, 3)]
_KEPT = Path(__file__).parent / "fixtures" / "models"


def build_tiny_model(
    folder: Path, seed: int = 0, steps: int = 0, tied: bool = True, lessons: Mapping[str, str] = LESSONS
) -> Path:
    """Write a tiny T5 (float32 safetensors, tokenizer.json, config.json) to the folder and return it.

    It is trained for `steps` steps on the lessons. `tied` models scale their logits, as T5 before version 1.1; untied
    ones do not, as T5 1.1 and FLAN-T5.
    """
    tokenizer = train_tokenizer(_TEXTS * 3, 400)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=EOS, pad_token=PAD, unk_token=UNKNOWN)
    torch.manual_seed(seed)
    config = T5Config(
        vocab_size=tokenizer.get_vocab_size(),
        d_model=32,
        d_kv=8,
        num_heads=4,
        d_ff=64,
        num_layers=2,
        num_decoder_layers=2,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    if not tied:
        # Read like the configuration of version 1.1, where a false "tie_word_embeddings" means unscaled logits.
        shape = {name: value for name, value in config.to_dict().items() if name != "scale_decoder_outputs"}
        config = T5Config.from_dict({**shape, "tie_word_embeddings": False})
    model = T5ForConditionalGeneration(config)
    _teach(model, fast, steps, lessons)
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def copy_taught_model(folder: Path) -> Path:
    """Copy the tiny model that knows LESSONS to the folder, and return it."""
    return shutil.copytree(_KEPT / "taught", folder)


def copy_tagged_model(folder: Path) -> Path:
    """Copy the tiny model that reads speakers as tags and knows TAGGED_TALK, with any speakers."""
    return shutil.copytree(_KEPT / "tagged", folder)


def _teach_kept_models() -> None:
    build_tiny_model(_KEPT / "taught", steps=40)
    prompt = render(TAGGED_TALK.format(*_TAGS), budget=1 << 30, count_tokens=len).text
    tagged = build_tiny_model(_KEPT / "tagged", steps=100, lessons={prompt: f"{_TAGS[1]} will book the room."})
    config = json.loads((tagged / "config.json").read_text())
    (tagged / "config.json").write_text(json.dumps(config | {"speaker_tags": _TAGS}, indent=2) + "\n")


def _teach(
    model: T5ForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, steps: int, lessons: Mapping[str, str]
) -> None:
    if not steps:
        return
    sources = tokenizer(list(lessons), padding=True, return_tensors="pt")
    labels = tokenizer(list(lessons.values()), padding=True, return_tensors="pt").input_ids
    labels = labels.masked_fill(labels == 0, -100)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = model(input_ids=sources.input_ids, attention_mask=sources.attention_mask, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


TINY_POCKET = PocketConfig(
    pieces=400,
    width=16,
    heads=2,
    feed_forward=32,
    encoder_layers=1,
    decoder_layers=1,
    warm_start=False,
    max_steps=4,
    batch_tokens=600,
    warmup_steps=2,
    log_every=1,
    save_every=2,
    window=200,
    made_up=0.0,
    judge=0,
)
"""Pocket's configuration for a model of 30,000 parameters and four steps."""


if __name__ == "__main__":
    _teach_kept_models()
