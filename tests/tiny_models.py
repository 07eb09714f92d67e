"""A real T5 of 60,000 random parameters with a real tokenizer, built in a fraction of a second, for tests of
everything that
loads, converts, tunes or serves a model."""

from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from training.tokenizer import EOS, PAD, UNKNOWN, train_tokenizer

_TEXTS = [
    "#Person1#: Are you coming to the meeting at 10:30?\n#Person2#: Yes, I'll bring the report.",
    "Maya: The review moves to Friday.\nTom: I'll book the room.",
    "Summarize the following conversation.\n\nSummary: ",
]


def build_tiny_model(folder: Path, seed: int = 0) -> Path:
    """Write a tiny T5 (float32 safetensors, tokenizer.json, config.json) to the folder and return it."""
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
    model = T5ForConditionalGeneration(config)
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder
