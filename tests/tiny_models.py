"""A real T5 of 60,000 parameters with a real tokenizer, built in a fraction of a second, for tests of everything that
loads, converts, tunes or serves a model. Random, or taught two summaries by heart, so that it ends its texts and means
them.
"""

import json
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
"""What a taught model knows: source and summary."""
TAGGED_TALK = "{}: The review moves to Friday.\n{}: I'll book the room."


def build_tiny_model(
    folder: Path, seed: int = 0, steps: int = 0, tied: bool = True, lessons: Mapping[str, str] = LESSONS
) -> Path:
    """Write a tiny T5 (float32 safetensors, tokenizer.json, config.json) to the folder and return it.

    `steps` of training on the lessons; 40 are enough to know them. `tied` as in T5 before version 1.1, which scales its
    logits; untied as in version 1.1 and FLAN-T5, which do not.
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
        # Read as version 1.1's own configuration is: "tie_word_embeddings" false there means unscaled logits.
        shape = {name: value for name, value in config.to_dict().items() if name != "scale_decoder_outputs"}
        config = T5Config.from_dict({**shape, "tie_word_embeddings": False})
    model = T5ForConditionalGeneration(config)
    _teach(model, fast, steps, lessons)
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def build_tagged_model(folder: Path) -> Path:
    """A tiny model that reads speakers as tags and knows one conversation: TAGGED_TALK, between whoever it may be."""
    tags = [f"#Person{number}#" for number in (1, 2, 3)]
    prompt = render(TAGGED_TALK.format(*tags), budget=1 << 30, count_tokens=len).text
    build_tiny_model(folder, steps=60, lessons={prompt: f"{tags[1]} will book the room."})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"speaker_tags": tags}))
    return folder


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
"""Pocket's recipe for a model of 30,000 parameters and four steps."""
