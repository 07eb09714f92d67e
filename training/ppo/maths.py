"""The arithmetic of PPO as pure functions of tensors.

Tensors are (batch, time) unless stated otherwise. `mask` is True on the tokens of a response, EOS included, and False
on the padding to their right. Functions that end in `_losses` return one number per token, so that the caller can
average over a mini-batch that is spread over micro-batches and processes.

`add_up` sums a tensor over the processes of a run; with one process it returns the tensor.

Sources: Schulman et al. 2016 (GAE, arXiv:1506.02438), Schulman et al. 2017 (PPO, arXiv:1707.06347), Ziegler et al. 2019
(KL penalty and its controller, arXiv:1909.08593), Huang et al. 2022 (the 37 implementation details of PPO), Ahmadian et
al. 2024 (RLOO, arXiv:2402.14740), Shao et al. 2024 (GRPO, arXiv:2402.03300).
"""

from collections.abc import Callable

import torch

Reduce = Callable[[torch.Tensor], torch.Tensor]
_TINY = 1e-8
_GROUP_TINY = 1e-4
"""Added to a group's standard deviation, as in TRL. It avoids division by 0 if all rewards of a group are equal."""


def alone(tensor: torch.Tensor) -> torch.Tensor:
    """`add_up` for a run with one process."""
    return tensor


def masked_mean(values: torch.Tensor, mask: torch.Tensor, add_up: Reduce = alone) -> torch.Tensor:
    """Mean over the tokens where the mask is True; 0 if there are none. Shape ()."""
    total = add_up(torch.stack([(values * mask).sum(), mask.sum().to(values.dtype)]))
    return total[0] / total[1].clamp(min=1)


def masked_variance(values: torch.Tensor, mask: torch.Tensor, add_up: Reduce = alone) -> torch.Tensor:
    """Population variance over the tokens where the mask is True. Shape ()."""
    return masked_mean((values - masked_mean(values, mask, add_up)) ** 2, mask, add_up)


def masked_whiten(
    values: torch.Tensor, mask: torch.Tensor, shift_mean: bool = True, add_up: Reduce = alone
) -> torch.Tensor:
    """Scale to variance 1 over the masked tokens and, if `shift_mean`, to mean 0. Padding becomes 0.

    Rewards are whitened without the shift (Ziegler et al. 2019), because a shift would reward length.
    """
    mean = masked_mean(values, mask, add_up)
    whitened = (values - mean) * torch.rsqrt(masked_variance(values, mask, add_up) + _TINY)
    if not shift_mean:
        whitened = whitened + mean
    return whitened * mask


def kl_estimate(logprobs: torch.Tensor, reference_logprobs: torch.Tensor) -> torch.Tensor:
    """log policy - log reference of each sampled token ("k1"): an unbiased estimate of the KL divergence that may be
    negative.
    """
    return logprobs - reference_logprobs


def kl_lower_variance(logprobs: torch.Tensor, reference_logprobs: torch.Tensor) -> torch.Tensor:
    """r - 1 - log r with r = reference / policy ("k3"): an unbiased estimate of the same divergence, never negative."""
    log_ratio = reference_logprobs - logprobs
    return torch.expm1(log_ratio) - log_ratio


def token_rewards(kl: torch.Tensor, scores: torch.Tensor, mask: torch.Tensor, coefficient: float) -> torch.Tensor:
    """-coefficient * KL at every token, plus the response's score (batch,) at its last token."""
    rewards = -coefficient * kl * mask
    last = mask.sum(dim=1).clamp(min=1) - 1
    rewards[torch.arange(len(scores)), last] += scores
    return rewards


def generalized_advantages(
    rewards: torch.Tensor, values: torch.Tensor, mask: torch.Tensor, discount: float, trace: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Advantages and returns by GAE (Schulman et al. 2016, equation 16). `trace` is lambda. The value after the last
    token is 0.
    """
    values, rewards = values * mask, rewards * mask
    advantages = torch.zeros_like(rewards)
    following_advantage = following_value = torch.zeros(len(rewards), dtype=rewards.dtype, device=rewards.device)
    for time in reversed(range(rewards.shape[1])):
        delta = rewards[:, time] + discount * following_value - values[:, time]
        following_advantage = (delta + discount * trace * following_advantage) * mask[:, time]
        following_value = values[:, time]
        advantages[:, time] = following_advantage
    return advantages, (advantages + values) * mask


def leave_one_out_advantages(rewards: torch.Tensor, samples: int) -> torch.Tensor:
    """Each reward minus the mean of the other rewards of its prompt (Ahmadian et al. 2024, equation 8). Shape (batch,);
    the `samples` responses to a prompt are adjacent.
    """
    groups = rewards.view(-1, samples)
    others = (groups.sum(dim=1, keepdim=True) - groups) / (samples - 1)
    return (groups - others).flatten()


def group_normalized_advantages(rewards: torch.Tensor, samples: int) -> torch.Tensor:
    """Each reward minus its group's mean, divided by its group's standard deviation with `samples` - 1 degrees of
    freedom (Shao et al. 2024, section 4.1.2). Shape (batch,); the `samples` responses to a prompt are adjacent.
    """
    groups = rewards.view(-1, samples)
    spread = groups.std(dim=1, keepdim=True, correction=1)
    return ((groups - groups.mean(dim=1, keepdim=True)) / (spread + _GROUP_TINY)).flatten()


def policy_losses(
    logprobs: torch.Tensor, old_logprobs: torch.Tensor, advantages: torch.Tensor, clip_range: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """-min(ratio * A, clip(ratio) * A) (Schulman et al. 2017, equation 7), the ratio, and whether clipping applied
    (bool).
    """
    ratio = torch.exp(logprobs - old_logprobs)
    free = -advantages * ratio
    clipped = -advantages * ratio.clamp(1.0 - clip_range, 1.0 + clip_range)
    return torch.maximum(free, clipped), ratio, clipped > free


def value_losses(
    values: torch.Tensor, old_values: torch.Tensor, returns: torch.Tensor, clip_range: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Half the squared error, the larger of those with and without clipping near the old value, and whether clipping
    applied (bool).
    """
    near = old_values + (values - old_values).clamp(-clip_range, clip_range)
    free, clipped = (values - returns) ** 2, (near - returns) ** 2
    return 0.5 * torch.maximum(free, clipped), clipped > free


def explained_variance(
    values: torch.Tensor, returns: torch.Tensor, mask: torch.Tensor, add_up: Reduce = alone
) -> torch.Tensor:
    """1 - var(returns - values) / var(returns): 1 for a perfect value head, 0 for one no better than a constant. Shape
    ().
    """
    spread = masked_variance(returns, mask, add_up)
    return 1.0 - masked_variance(returns - values, mask, add_up) / spread.clamp(min=_TINY)


def next_kl_coefficient(coefficient: float, kl: float, target: float, samples: int, horizon: int) -> float:
    """Return the adaptive KL coefficient of the next step (Ziegler et al. 2019, section 2.2).

    `kl` is the KL per response, in nats, as a mean over `samples` responses.
    """
    error = min(max(kl / target - 1.0, -0.2), 0.2)
    return coefficient * (1.0 + error * samples / horizon)
