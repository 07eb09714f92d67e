"""What can be set for `assistant-train reward`. Knows no tensor, so that `--help` is there at once."""

from typing import Literal

import msgspec


class RewardConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a reward is trained from preference pairs."""

    method: Literal["auto", "counted", "lora"] = "auto"
    """`counted` weighs what can be counted in a text; `lora` also tunes an encoder on the pairs; `auto` tries both and
    keeps the encoder where it is better on held-out conversations."""
    base: str = "minilm"
    """Encoder that is tuned: `minilm`, or a folder or Hub id on this machine of a sequence-classification model (bert,
    distilbert, roberta)."""
    warm_start: str = "warm"
    """Reward to start from: `warm` (bundled, made without people), an earlier version, or `none`."""
    constitution: bool = False
    """Whether pairs of the rater `constitution` count too; only where the principles proved to agree with people."""
    judge_share: float = 0.15
    """Part of the conversations that the reward never sees: who judges it later must not have taught it."""
    dev_share: float = 0.2
    """Part of the conversations that it is measured on."""
    window: int = 256
    """Tokens of answer and conversation that the tuned encoder reads."""
    lora_rank: int = 8
    """Rank of the encoder's adapter."""
    lora_alpha: int = 16
    """Scale of the encoder's adapter, divided by the rank."""
    lora_from: int = 60
    """With `auto`: fewest training pairs for which the encoder is tuned at all."""
    epochs: int = 2
    """Times that the encoder reads the pairs."""
    batch_size: int = 8
    """Pairs in a step."""
    learning_rate: float = 5e-4
    """AdamW's step on the adapter's weights."""
    margin: float = 0.2
    """How much further apart, in nats, the encoder has to bring two answers that somebody was quite sure about."""
    max_steps: int = 0
    """Steps of the encoder at most; 0 for all epochs."""
    save_every: int = 25
    """Steps between two checkpoints."""
    curve: bool = True
    """Whether the report says how accuracy grows with the number of ratings."""
    made_rows: int = 2500
    """For a warm start from summaries: conversations that pairs are made from."""
    seed: int = 20261121
    """Fixes the parts, the made pairs and the order."""
