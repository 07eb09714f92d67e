"""What can be set for `assistant-train ppo`."""

from typing import Literal

import msgspec


class GuardLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a run is stopped."""

    max_first_kl: float = 1e-3
    """Largest KL before the first update, which has to be 0: policy and reference are one model then."""
    ratio_tolerance: float = 1e-3
    """Largest distance from 1 of the ratios before a step's first update. bfloat16 needs 0.1."""
    max_kl: float = 60.0
    """Largest KL to the reference, in nats a response."""
    min_distinct: float = 0.2
    """Smallest share of distinct responses, as a part of the first step's share."""
    max_length_growth: float = 4.0
    """Largest mean length, as a multiple of the first step's."""
    patience: int = 3
    """Steps in a row that KL, distinct responses or length may stand beyond their limits."""


class PpoConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reward, sampling, updates and limits. Defaults follow Ziegler et al. 2019 unless they say otherwise."""

    reward: tuple[str, ...] = ("length:20",)
    """What is paid for, a part each, as `[WEIGHT*]NAME[:SETTING]`: `human` (what the newest reward learnt of ratings),
    `length:20`, `-2*repetition`, `mentions:refund`."""
    adapter: str = ""
    """Folder of the LoRA adapter to go on from; empty for the model's own, or a fresh one where it has none."""
    adapt: Literal["decoder", "all"] = "decoder"
    """Which adapter weights are trained. With `decoder` each conversation is encoded once a step, not once a pass."""
    lora_rank: int = 16
    """For a fresh adapter: its rank."""
    lora_alpha: int = 32
    """For a fresh adapter: its scale, divided by the rank."""
    lora_targets: tuple[str, ...] = ("q", "v")
    """For a fresh adapter: the linear layers it stands beside."""
    value_adapter: bool = False
    """Whether values have an adapter of their own, so that their errors do not move the policy; one pass more."""
    window: int = 512
    """Longest prompt in tokens; longer ones are left out and counted."""
    max_new_tokens: int = 48
    """Longest response in tokens."""
    temperature: float = 1.0
    """Divides the logits wherever probabilities are taken. There is no top-k or top-p: they would bias the ratio."""
    missing_eos_penalty: float = 1.0
    """Taken off the score of a response that was cut off at its longest."""
    max_steps: int = 200
    """Steps, each of one batch of responses and the updates on it."""
    batch_size: int = 32
    """Responses a step, over all processes."""
    mini_batch_size: int = 16
    """Responses an update, over all processes."""
    micro_batch_size: int = 16
    """Responses in one pass through the model; gradients are added up over the passes of an update."""
    rollout_batch_size: int = 64
    """Responses sampled together."""
    epochs: int = 4
    """Times that a step's responses are learnt from."""
    learning_rate: float = 3e-4
    """AdamW's step on the adapter's weights. A model as small as pocket takes 1e-3."""
    value_learning_rate: float = 3e-4
    """AdamW's step on the value head. Ten times as much made pocket's values noisy, worse than none at all."""
    warmup_steps: int = 5
    """Steps in which the learning rates rise to their full size."""
    max_gradient_norm: float = 1.0
    """Longer gradients are scaled down to this length."""
    kl_coefficient: float = 0.1
    """What a nat of KL to the reference costs, to begin with."""
    kl_target: float = 6.0
    """KL that the coefficient is steered towards, in nats a response; 0 keeps the coefficient fixed."""
    kl_horizon: int = 5000
    """Responses over which the coefficient may change by a fifth."""
    anchor: str = ""
    """JSON Lines with "dialogue" or "prompt" and a person's "summary", learnt from beside the reward (PPO-ptx, Ouyang
    et al. 2022), so that what nobody rated is not unlearnt; empty for none."""
    anchor_weight: float = 0.3
    """Weight of the anchor's loss, in nats a token, beside the policy's."""
    discount: float = 1.0
    """Gamma: what a reward one token later is worth."""
    trace: float = 0.95
    """Lambda of generalized advantage estimation."""
    whiten_rewards: bool = False
    """Whether a batch's rewards are scaled to variance 1 before values are compared with them."""
    whiten_advantages: bool = True
    """Whether a batch's advantages are scaled to mean 0 and variance 1."""
    clip_range: float = 0.2
    """How far a ratio may move from 1 and still be paid."""
    value_clip_range: float = 0.2
    """How far a value may move from the one it had when the responses were sampled."""
    value_coefficient: float = 0.1
    """Weight of the value loss."""
    entropy_coefficient: float = 0.0
    """Weight of the entropy bonus."""
    average: float = 0.0
    """Above 0 a running mean of the policy's weights is judged and kept instead of the latest ones, which shake; it is
    what the mean keeps of itself a step, such as 0.9."""
    judge_every: int = 20
    """Steps between two judgements on held-out prompts, which choose the policy that is kept; 0 for none."""
    judge_prompts: int = 32
    """Held-out prompts that are judged."""
    best_max_kl: float = 15.0
    """Largest KL at which a policy may become the best."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the frozen weights; adapters and losses are float32."""
    seed: int = 20261121
    """Fixes prompts, samples, fresh adapters and order."""
    log_every: int = 1
    """Steps between two lines of metrics.jsonl."""
    save_every: int = 10
    """Steps between two checkpoints."""
    show_every: int = 10
    """Steps between two tables of samples on a terminal."""
    guards: GuardLimits = GuardLimits()
    """Where a run is stopped."""
