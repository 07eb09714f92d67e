"""The options of `assistant-train prefer`."""

from typing import Literal, NamedTuple

import msgspec

from training.runs.ranges import Above0, AtLeastOne, Count, Rest, Share, Weight
from training.runs.schedules import Schedule

Method = Literal["dpo", "ipo", "orpo", "kto", "simpo", "chosen"]


class Nature(NamedTuple):
    """A method's default beta, whether it needs the reference, and whether it takes label smoothing."""

    beta: float
    needs_reference: bool
    takes_smoothing: bool


NATURES: dict[Method, Nature] = {
    "dpo": Nature(0.1, needs_reference=True, takes_smoothing=True),
    "ipo": Nature(0.1, needs_reference=True, takes_smoothing=False),
    "orpo": Nature(0.1, needs_reference=False, takes_smoothing=False),
    "kto": Nature(0.1, needs_reference=True, takes_smoothing=False),
    "simpo": Nature(2.0, needs_reference=False, takes_smoothing=True),
    "chosen": Nature(0.0, needs_reference=False, takes_smoothing=False),
}
"""Betas follow the papers. ORPO calls it lambda, IPO tau."""


class PreferConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Method, adapter and training. Defaults suit some hundred pairs and a small model on a CPU."""

    method: Method = "dpo"
    """`dpo`, `ipo`, `orpo` and `simpo` learn from pairs, `kto` also from thumbs. `chosen` only imitates the chosen
    answers."""
    beta: Weight = 0.0
    """For dpo, ipo and kto, how closely the model is held to the original; for orpo and simpo, the weight of the
    difference between the answers. 0 for the method's default: 0.1, or 2 for simpo."""
    margin: Weight = 1.0
    """For simpo: target margin between chosen and rejected, gamma in the paper."""
    label_smoothing: Rest = 0.0
    """For dpo and simpo: the share of pairs that you expect to be labelled the wrong way round, below 0.5."""
    good_weight: Weight = 0.0
    """For kto: weight of a good answer when a bad one weighs 1. 0 balances both sides, whatever their numbers."""
    chosen_weight: Weight = 0.0
    """Weight of an additional loss on the chosen answers, in nats per token; 0 for none."""
    adapter: str = ""
    """Folder of the LoRA adapter to continue from. Empty: the model's own adapter, or a fresh one if it has none."""
    adapt: Literal["decoder", "all"] = "decoder"
    """Which adapter weights to train. With `decoder`, each conversation is encoded once per run."""
    lora_rank: AtLeastOne = 16
    """Rank of a fresh LoRA adapter."""
    lora_alpha: AtLeastOne = 32
    """Alpha of a fresh LoRA adapter: its scale, divided by the rank."""
    lora_targets: tuple[str, ...] = ("q", "v")
    """Linear layers that a fresh LoRA adapter is attached to."""
    epochs: Above0 = 3.0
    """Passes over the pairs."""
    max_steps: Count = 0
    """Training steps; 0 uses `epochs` instead."""
    batch_size: AtLeastOne = 16
    """Pairs per step; for kto, answers."""
    micro_batch_size: AtLeastOne = 8
    """Pairs per pass through the model. Gradients accumulate over the passes of a step."""
    learning_rate: Weight = 3e-4
    """AdamW learning rate of the adapter. Small models such as pocket take 1e-3."""
    lr_schedule: Schedule = "linear"
    """Schedule of the learning rate, by transformers' names: `linear` and `cosine` fall to 0, `inverse_sqrt` falls
    slowly, `constant` and `constant_with_warmup` stay."""
    warmup_share: Share = 0.1
    """Share of the steps over which the learning rate rises; not for `constant`."""
    max_gradient_norm: Above0 = 1.0
    """Clip gradients to this norm."""
    window: AtLeastOne = 512
    """Longest prompt in tokens. Pairs with a longer one are left out and counted."""
    answer_tokens: AtLeastOne = 128
    """Longest answer in tokens. Pairs with a longer one are left out and counted."""
    held_out: Rest = 0.1
    """Share of the conversations held out for evaluation when `--dev` is not given; 0 for none."""
    judge_every: Count = 20
    """Steps between evaluations on the held-out pairs, which select the weights to keep; 0 for none."""
    kl_prompts: Count = 32
    """Held-out prompts answered at each evaluation to measure the KL to the original."""
    max_kl: Weight = 15.0
    """Largest KL, in nats per answer, at which weights can be selected as the best."""
    max_new_tokens: AtLeastOne = 48
    """Longest of those answers in tokens."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the frozen weights. Adapters and losses are always float32."""
    download: bool = False
    """Fetch the Hub data set that `--data` names. Without it, only data on this machine are read."""
    seed: int = 20261121
    """Seed of held-out pairs, fresh adapters, order and samples."""
    log_every: AtLeastOne = 1
    """Steps between lines in metrics.jsonl."""
    save_every: AtLeastOne = 10
    """Steps between checkpoints."""

    @property
    def strength(self) -> float:
        """Beta; the method's default if none is set."""
        return self.beta or NATURES[self.method].beta
