"""What can be set for `assistant-train pocket`."""

from typing import Literal

import msgspec


class PocketConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shape, recipe and length of the training."""

    pieces: int = 8192
    """Entries of the vocabulary."""
    width: int = 256
    """d_model."""
    heads: int = 8
    """Attention heads; they share the width."""
    feed_forward: int = 768
    """Width of the feed-forward layers."""
    encoder_layers: int = 6
    """Depth of the encoder, which reads once: cheap. With --model either depth may be another one than the model's."""
    decoder_layers: int = 3
    """Depth of the decoder, which runs for every token written: dear."""
    window: int = 512
    """Longest source in tokens; longer dialogues are left out of the training and counted."""
    warm_start: bool = True
    """Whether token embeddings start from all-MiniLM-L6-v2."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Type of a step's products: bfloat16 is 1.6 times as fast on processors that know it; weights stay float32."""
    minutes: float = 60.0
    """Training time. The learning rate follows it down to zero, so that a slow machine still ends well."""
    max_steps: int = 0
    """Stop after so many steps instead of after `minutes`; 0 for no limit."""
    batch_tokens: int = 2000
    """Source tokens in a batch, padding included."""
    learning_rate: float = 2e-2
    """Relative step of Adafactor (Shazeer & Stern 2018), scaled by the size of each parameter."""
    warmup_steps: int = 300
    """Steps in which the learning rate rises to its full size."""
    label_smoothing: float = 0.1
    """Share of the target's probability that is spread over all pieces."""
    word_dropout: float = 0.1
    """Share of the decoder's input tokens that are hidden, so that it must read the source."""
    source_dropout: float = 0.0
    """Share of the source's tokens that are hidden, so that no dialogue is learnt by heart."""
    dropout: float = 0.0
    """Share of each layer's outputs that are dropped, the same at every place of a text."""
    ema_decay: float = 0.998
    """How slowly the exported average of the weights follows the training."""
    blend: tuple[str, ...] = ()
    """Models of the same shape, trained from the same weights, that are averaged with the one trained here."""
    names: float = 0.0
    """Share of dialogues whose `#PersonN#` tags become given names. The assistant shows every conversation with tags
    to a model whose config lists `"speaker_tags"`, as this one's does, so it needs none."""
    renames: float = 0.5
    """Share of dialogues in which the people spoken of by a given name get another one."""
    made_up: float = 0.15
    """Share of new names that are made of syllables, so that they can only be copied."""
    chats: float = 0.3
    """Share of dialogues that are written as people type on a phone."""
    late: float = 0.0
    """Share of the dialogues with tags of which the first turn is left out, so that another may speak first."""
    groups: float = 0.0
    """Share of dialogues that another one follows, among other people, so that there are more than two to a talk."""
    swaps: float = 0.0
    """Share of the dialogues with tags in which the first two speakers are exchanged, in dialogue and summary alike."""
    contrast: float = 0.0
    """Weight of telling a summary from itself with the first two speakers exchanged; 0 for not at all."""
    topics: float = 0.08
    """Share of examples that ask for the topic instead of the summary."""
    denoise: float = 0.0
    """Share of examples in which hidden spans of a plain text or a dialogue are to be written (Raffel et al. 2020)."""
    default_phrasing: float = 0.6
    """Share of summaries asked for in the default phrasing; the rest are spread over the others."""
    seed: int = 20261121
    """Fixes initial weights, order and augmentation."""
    log_every: int = 50
    """Steps between two lines of metrics.jsonl."""
    save_every: int = 200
    """Steps between two checkpoints, each judged on held-out dialogues."""
    judge: int = 200
    """Held-out dialogues that the finished model summarizes for the figures on its card; 0 for none."""
    licence: str = ""
    """Licence of the weights, for the model card: the data decide it."""
