"""The options of `assistant-train reward`, `score` and `constitution`."""

from pathlib import Path
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


class ScoreConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What texts are scored by."""

    reward: tuple[str, ...] = ("human", "0*unsupported", "0*roles", "0*harmless", "0*repetition")
    """Parts of the score, each as `[WEIGHT*]NAME[:SETTING]`; what weighs 0 is told and not added. `human:REF` is a
    trained reward, without a name the newest; `--model REF` says the same."""
    batch_size: int = 64
    """Texts scored together."""
    max_steps: int = 0
    """Score so many texts at most, drawn at random; 0 for all."""
    seed: int = 20261121
    """Fixes which texts are drawn."""


class ConstitutionConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How drafts are judged by principles."""

    principles: Path | None = None
    """TOML file of principles; without it those that come with Parley."""
    drafts: int = 4
    """Drafts that the model writes for a conversation that brings none."""
    ask: Literal["auto", "never"] = "auto"
    """Whether the model judges and revises too, once it has proven able: it must tell a draft from one of another
    conversation, in both orders."""
    probes: int = 20
    """Conversations that the model has to prove itself on."""
    able: float = 0.7
    """Share of them that it must get right in both orders."""
    max_steps: int = 0
    """Conversations at most; 0 for all."""
    seed: int = 20261121
    """Fixes the drafts."""
