"""The options of `assistant-train ppo`."""

from typing import Literal

import msgspec

from training.runs.ranges import Above0, AtLeastOne, Count, Rest, Share, Weight
from training.runs.schedules import Schedule

Estimator = Literal["ppo", "rloo", "grpo"]


class GuardLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits that stop a run."""

    max_first_kl: Weight = 1e-3
    """Largest KL before the first update, when policy and reference are still the same model."""
    ratio_tolerance: Weight = 1e-3
    """How far the ratios may differ from 1 before a step's first update. bfloat16 needs 0.1."""
    max_kl: Weight = 60.0
    """Largest KL to the reference, in nats per response."""
    min_distinct: Share = 0.2
    """Smallest share of distinct responses, as a fraction of the first step's share."""
    max_length_growth: Weight = 4.0
    """Largest mean length, as a multiple of the first step's."""
    patience: AtLeastOne = 3
    """Steps in a row that KL, distinct responses or length may exceed their limits before the run stops."""


class PpoConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reward, sampling, updates and limits. Defaults follow Ziegler et al. 2019 unless stated otherwise."""

    method: Estimator = "ppo"
    """What a response is compared with: for `ppo` the value head, for `rloo` the mean of the other responses to the
    same prompt, for `grpo` the mean and spread of all of them."""
    samples: AtLeastOne = 4
    """For rloo and grpo: responses to each prompt, at least 2. `batch_size` must be a multiple."""
    reward: tuple[str, ...] = ("length:20",)
    """Parts of the reward, each as `[WEIGHT*]NAME[:SETTING]`: `human` (the newest reward learned from ratings),
    `length:20`, `-2*repetition`, `mentions:refund`."""
    adapter: str = ""
    """Folder of the LoRA adapter to continue from. Empty: the model's own adapter, or a fresh one if it has none."""
    adapt: Literal["decoder", "all"] = "decoder"
    """Which adapter weights to train. With `decoder`, each conversation is encoded once and reused."""
    lora_rank: AtLeastOne = 16
    """Rank of a fresh LoRA adapter."""
    lora_alpha: AtLeastOne = 32
    """Alpha of a fresh LoRA adapter: its scale, divided by the rank."""
    lora_targets: tuple[str, ...] = ("q", "v")
    """Linear layers that a fresh LoRA adapter is attached to."""
    value_adapter: bool = False
    """Give the value head its own adapter, at the cost of one more pass."""
    window: AtLeastOne = 512
    """Longest prompt in tokens. Longer prompts are left out and counted."""
    max_new_tokens: AtLeastOne = 48
    """Longest response in tokens."""
    temperature: Above0 = 1.0
    """Sampling temperature. Top-k and top-p are not available, because they would bias the ratio."""
    missing_eos_penalty: float = 1.0
    """Subtracted from the score of a response that was cut off at `max_new_tokens`."""
    max_steps: AtLeastOne = 200
    """Training steps. Each samples one batch of responses and updates on it."""
    batch_size: AtLeastOne = 32
    """Responses per step, over all processes."""
    mini_batch_size: AtLeastOne = 16
    """Responses per update, over all processes."""
    micro_batch_size: AtLeastOne = 16
    """Responses per pass through the model. Gradients accumulate over the passes of an update."""
    rollout_batch_size: AtLeastOne = 64
    """Responses sampled at once."""
    epochs: AtLeastOne = 4
    """Passes over each step's responses."""
    learning_rate: Weight = 3e-4
    """AdamW learning rate of the adapter. Small models such as pocket take 1e-3."""
    value_learning_rate: Weight = 3e-4
    """AdamW learning rate of the value head."""
    lr_schedule: Schedule = "constant_with_warmup"
    """Schedule of the learning rates, by transformers' names: `linear` and `cosine` fall to 0, `inverse_sqrt` falls
    slowly, `constant` and `constant_with_warmup` stay."""
    warmup_steps: Count = 5
    """Steps over which the learning rates rise; not for `constant`."""
    max_gradient_norm: Above0 = 1.0
    """Clip gradients to this norm."""
    kl_coefficient: Weight = 0.1
    """Initial KL coefficient: the cost of one nat of KL to the reference."""
    kl_target: Weight = 6.0
    """Target KL, in nats per response, that the KL coefficient adapts to; 0 keeps the coefficient fixed."""
    kl_horizon: AtLeastOne = 5000
    """Responses over which the KL coefficient may change by at most 20 %."""
    anchor: str = ""
    """JSON Lines with "dialogue" or "prompt" and a reference "summary", for PPO-ptx (Ouyang et al. 2022); empty for
    none."""
    anchor_weight: Weight = 0.3
    """Weight of the PPO-ptx loss, in nats per token, next to the policy loss."""
    discount: Share = 1.0
    """Discount factor gamma, per token."""
    trace: Share = 0.95
    """Lambda of generalized advantage estimation (GAE)."""
    whiten_rewards: bool = False
    """For ppo: scale each batch's rewards to variance 1 before values are compared with them."""
    whiten_advantages: bool = True
    """For ppo: scale each batch's advantages to mean 0 and variance 1."""
    clip_range: Above0 = 0.2
    """Clip range of the policy ratio around 1."""
    value_clip_range: Above0 = 0.2
    """How far a value may move from its estimate at sampling time."""
    value_coefficient: Weight = 0.1
    """Weight of the value loss."""
    entropy_coefficient: float = 0.0
    """Weight of the entropy bonus."""
    average: Rest = 0.0
    """Decay per step of the running mean of the weights, which is judged and kept; 0 keeps the latest weights."""
    judge_every: Count = 20
    """Steps between evaluations on held-out prompts, which select the policy to keep; 0 for none."""
    judge_prompts: AtLeastOne = 32
    """Held-out prompts per evaluation."""
    best_max_kl: Weight = 15.0
    """Largest KL at which a policy can be selected as the best."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the frozen weights. Adapters and losses are always float32."""
    seed: int = 20261121
    """Seed of prompts, samples, fresh adapters and order."""
    log_every: AtLeastOne = 1
    """Steps between lines in metrics.jsonl."""
    save_every: AtLeastOne = 10
    """Steps between checkpoints."""
    show_every: AtLeastOne = 10
    """Steps between tables of samples on a terminal."""
    guards: GuardLimits = GuardLimits()
    """Limits that stop a run."""
