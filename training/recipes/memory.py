"""What can be set for `assistant-train memory`."""

from typing import Literal

import msgspec


class MemoryConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The shape of what is trained. Defaults are those of `assistant-train sft`."""

    batch_size: int = 8
    """Examples in one pass through the model."""
    length: int = 256
    """Tokens of a source."""
    target_length: int = 48
    """Tokens of a target."""
    rank: int = 32
    """LoRA: the rank of its two factors, beside queries and values."""
    virtual_tokens: int = 20
    """Prompt tuning: how many vectors."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What activations are computed in while training; weights that are trained stay float32."""
    activation_checkpointing: bool = False
    """Whether activations are computed again instead of kept."""
    max_steps: int = 0
    """Without a meaning here: what a step takes does not hang on how many there are."""
    seed: int = 20261121
    """Without a meaning here: nothing is drawn."""
