"""Turns responses and scores into rewards, advantages and returns.

Batch statistics cover the batches of all processes.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from assistant.scoring.surface import repetition
from training.ppo.config import Estimator
from training.ppo.maths import (
    explained_variance,
    generalized_advantages,
    group_normalized_advantages,
    kl_estimate,
    kl_lower_variance,
    leave_one_out_advantages,
    masked_whiten,
    token_rewards,
)
from training.ppo.rollouts import Rollout
from training.reward.parts import RewardParts
from training.runs.distributed import Ranks


@dataclass(frozen=True, slots=True)
class Experience:
    """Targets of a step's updates, (batch, time), 0 on padding. `kl_weight` is the cost of one nat of KL in the loss;
    0 if the rewards include the KL.
    """

    advantages: torch.Tensor
    returns: torch.Tensor
    kl_weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Credit:
    """Settings that turn scores into advantages. `trace` is the lambda of GAE."""

    kl_coefficient: float
    discount: float
    trace: float
    whiten_rewards: bool
    whiten_advantages: bool


def experience_from(rollout: Rollout, scores: torch.Tensor, credit: Credit, ranks: Ranks) -> Experience:
    """Compute PPO's advantages (by GAE) and returns from the scores (batch,)."""
    mask = rollout.mask
    kl = kl_estimate(rollout.logprobs, rollout.reference_logprobs)
    rewards = token_rewards(kl, scores, mask, credit.kl_coefficient)
    if credit.whiten_rewards:
        rewards = masked_whiten(rewards, mask, shift_mean=False, add_up=ranks.add_up)
    advantages, returns = generalized_advantages(rewards, rollout.values, mask, credit.discount, credit.trace)
    if credit.whiten_advantages:
        advantages = masked_whiten(advantages, mask, add_up=ranks.add_up)
    return Experience(advantages, returns)


def experience_of_groups(
    rollout: Rollout, scores: torch.Tensor, method: Estimator, samples: int, kl_coefficient: float
) -> Experience:
    """Compute the advantages of RLOO or GRPO from the scores (batch,): each response is compared with the others to its
    prompt, and all its tokens share its advantage. RLOO subtracts the KL from the score; GRPO has it in the loss.
    `returns` are the values themselves, because there is no value head to train.
    """
    mask = rollout.mask
    if method == "grpo":
        advantages = group_normalized_advantages(scores, samples)
        return Experience(advantages.unsqueeze(1) * mask, rollout.values, kl_coefficient)
    kl = (kl_estimate(rollout.logprobs, rollout.reference_logprobs) * mask).sum(dim=1)
    advantages = leave_one_out_advantages(scores - kl_coefficient * kl, samples)
    return Experience(advantages.unsqueeze(1) * mask, rollout.values)


def rollout_metrics(
    rollout: Rollout, parts: RewardParts, scores: torch.Tensor, coefficient: float, ranks: Ranks
) -> dict[str, float]:
    """Return metrics of the responses of all processes: lengths in tokens, KL and entropy in nats."""
    mask = rollout.mask
    kl = (kl_estimate(rollout.logprobs, rollout.reference_logprobs) * mask).sum(dim=1)
    steady = (kl_lower_variance(rollout.logprobs, rollout.reference_logprobs) * mask).sum(dim=1)
    each = {
        "objective/kl": kl,
        "objective/kl_steady": steady,
        "objective/scores": scores,
        "response/length": mask.sum(dim=1),
        "response/eos_share": rollout.ended,
        "response/repetition": torch.tensor([repetition(text) for text in rollout.responses]),
        "response/entropy": (rollout.entropy * mask).sum(dim=1),
        **{f"objective/scores/{name}": torch.tensor(values) for name, values in parts.items()},
    }
    rows = torch.stack([column.double().cpu() for column in each.values()])
    moments = ranks.add_up(torch.cat([rows.sum(dim=1), (rows**2).sum(dim=1), torch.tensor([float(len(scores))])]))
    count = float(moments[-1])
    means = (moments[: len(each)] / count).tolist()
    metrics = dict(zip(each, means, strict=True))
    variance = max(0.0, float(moments[len(each)]) / count - metrics["objective/kl"] ** 2)
    metrics["objective/kl_error"] = math.sqrt(variance / count)
    metrics["objective/kl_coef"] = coefficient
    metrics["objective/non_score_reward"] = -coefficient * metrics["objective/kl"]
    metrics["objective/rlhf_reward"] = metrics["objective/scores"] + metrics["objective/non_score_reward"]
    metrics["policy/entropy_avg"] = metrics.pop("response/entropy") / max(metrics["response/length"], 1e-8)
    digests = ranks.gather([_digest(text) for text in rollout.responses])
    metrics["response/distinct"] = len(set(digests)) / len(digests)
    return metrics


def fit_of_values(rollout: Rollout, experience: Experience, ranks: Ranks) -> float:
    """Return the explained variance of the value head's predictions."""
    return float(explained_variance(rollout.values, experience.returns, rollout.mask, ranks.add_up))


def with_missing_eos(parts: RewardParts, ended: Sequence[bool], penalty: float) -> RewardParts:
    """Return the parts, plus a part `missing_eos` of -penalty for each response that was cut off."""
    return {**parts, "missing_eos": [0.0 if end else -penalty for end in ended]} if penalty else parts


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest())
