"""The options of `assistant-train pocket`."""

from typing import Literal

import msgspec


class PocketConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Model shape, training and augmentation."""

    pieces: int = 8192
    """Vocabulary size."""
    width: int = 256
    """Model dimension, d_model."""
    heads: int = 8
    """Attention heads per layer. They share `width`."""
    feed_forward: int = 768
    """Inner dimension of the feed-forward layers, d_ff."""
    encoder_layers: int = 6
    """Encoder layers. May differ from those of `--model`."""
    decoder_layers: int = 3
    """Decoder layers, which run for every token written. May differ from those of `--model`."""
    window: int = 512
    """Longest source in tokens. Longer dialogues are left out and counted."""
    warm_start: bool = True
    """Initialize the token embeddings from all-MiniLM-L6-v2."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Type used for matrix products. bfloat16 is up to 1.6 times as fast on CPUs that support it; weights stay
    float32."""
    minutes: float = 60.0
    """Training time in minutes. The learning rate falls to 0 by then."""
    max_steps: int = 0
    """Training steps; 0 uses `minutes` instead."""
    batch_tokens: int = 2000
    """Source tokens per batch, including padding."""
    learning_rate: float = 2e-2
    """Relative learning rate of Adafactor (Shazeer & Stern 2018), scaled by the size of each parameter."""
    warmup_steps: int = 300
    """Steps over which the learning rate rises."""
    label_smoothing: float = 0.1
    """Label smoothing: share of the target probability spread over the vocabulary."""
    word_dropout: float = 0.1
    """Share of the decoder's input tokens to hide, so that it has to read the source."""
    source_dropout: float = 0.0
    """Share of the source tokens to hide, against memorizing dialogues."""
    dropout: float = 0.0
    """Dropout rate of layer outputs, with one mask per text."""
    ema_decay: float = 0.998
    """Decay per step of the running mean of the weights, which is the result."""
    blend: tuple[str, ...] = ()
    """Models trained from the same weights and of the same shape, to average with the result."""
    names: float = 0.0
    """Share of dialogues whose `#PersonN#` tags are replaced by given names."""
    renames: float = 0.5
    """Share of dialogues in which people who are only mentioned get another name."""
    made_up: float = 0.15
    """Share of new names that are made up of syllables, so that they must be copied."""
    chats: float = 0.3
    """Share of dialogues that are rewritten as people type on a phone."""
    late: float = 0.0
    """Share of dialogues without their first turn, so that the other person speaks first."""
    groups: float = 0.0
    """Share of dialogues that are joined with another, so that more than two people talk."""
    swaps: float = 0.0
    """Share of dialogues in which the first two speakers swap tags."""
    contrast: float = 0.0
    """Weight of an extra loss that compares a summary with itself after swapping the first two speakers; 0 for
    none."""
    topics: float = 0.08
    """Share of examples that ask for the topic instead of the summary."""
    denoise: float = 0.0
    """Share of span corruption examples, from plain texts and dialogues (Raffel et al. 2020)."""
    default_phrasing: float = 0.6
    """Share of summaries requested in the default wording. The rest use the other wordings."""
    seed: int = 20261121
    """Seed of initial weights, order and augmentation."""
    log_every: int = 50
    """Steps between lines in metrics.jsonl."""
    save_every: int = 200
    """Steps between checkpoints. Each is evaluated on held-out dialogues."""
    judge: int = 200
    """Held-out dialogues that the finished model summarizes, for the figures on its card; 0 for none."""
    licence: str = ""
    """Licence of the weights, for the model card. It depends on the data."""
