"""The options of `assistant-train reward`, `score` and `constitution`."""

from pathlib import Path
from typing import Literal

import msgspec


class RewardConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to train a reward model from preference pairs."""

    method: Literal["auto", "counted", "lora"] = "auto"
    """`counted` weighs features counted in the text; `lora` also tunes an encoder on the pairs; `auto` tries both and
    keeps the encoder if it is better on held-out conversations."""
    base: str = "minilm"
    """Encoder to tune: `minilm`, or a sequence-classification model (bert, distilbert, roberta) on this machine, as a
    folder or Hub id."""
    warm_start: str = "warm"
    """Reward to start from: `warm` (bundled, trained without human ratings), an earlier version, or `none`."""
    constitution: bool = False
    """Also use pairs from the rater `constitution`. Requires proof that the principles agree with people."""
    judge_share: float = 0.15
    """Share of the conversations reserved for a judge. The reward never sees them."""
    dev_share: float = 0.2
    """Share of the conversations held out to measure the reward."""
    window: int = 256
    """Tokens of answer and conversation that the encoder reads."""
    lora_rank: int = 8
    """Rank of the encoder's LoRA adapter."""
    lora_alpha: int = 16
    """Alpha of the encoder's LoRA adapter: its scale, divided by the rank."""
    epochs: int = 2
    """Passes of the encoder over the pairs."""
    batch_size: int = 8
    """Pairs per step."""
    learning_rate: float = 5e-4
    """AdamW learning rate of the adapter."""
    margin: float = 0.2
    """Additional margin, in nats, between the answers of a pair that a rater was very sure about."""
    max_steps: int = 0
    """Encoder steps, at most; 0 for all epochs."""
    save_every: int = 25
    """Steps between checkpoints."""
    curve: bool = True
    """Report how accuracy grows with the number of ratings."""
    seed: int = 20261121
    """Seed of the split, the made pairs and the order."""


class ScoreConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to score texts."""

    reward: tuple[str, ...] = ("human", "0*coverage", "0*unsupported", "0*roles", "0*harmless", "0*repetition")
    """Parts of the score, each as `[WEIGHT*]NAME[:SETTING]`. A part with weight 0 is reported but not added.
    `human:REF` is a trained reward, and `human` the newest; `--model REF` does the same."""
    batch_size: int = 64
    """Texts scored at once."""
    max_steps: int = 0
    """Score at most this many texts, drawn at random; 0 for all."""
    seed: int = 20261121
    """Seed for drawing texts."""


class ConstitutionConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to judge drafts by principles."""

    principles: Path | None = None
    """TOML file of principles. By default, Parley's own."""
    drafts: int = 4
    """Drafts that the model writes for a conversation that has none."""
    ask: Literal["auto", "never"] = "auto"
    """Let the model judge and revise too, if it passes a test: it must tell a draft from one of another conversation,
    in both orders."""
    able: float = 0.7
    """Share of the test's conversations that the model must get right in both orders."""
    max_steps: int = 0
    """Conversations, at most; 0 for all."""
    seed: int = 20261121
    """Seed of the drafts."""
