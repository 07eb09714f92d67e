"""Plants a wrong sign, index or mask in the arithmetic of PPO, and checks that its tests notice every one of them."""

import inspect
import types

import pytest

from tests.unit.training.ppo import test_maths
from training.ppo import maths as ppo_math

_MISTAKES = [
    # Means, variances and whitening: the mask, the count, the shift.
    ("(values * mask).sum(), mask.sum()", "values.sum(), mask.sum()"),
    ("total[0] / total[1].clamp(min=1)", "total[0] / mask.numel()"),
    ("total = add_up(torch.stack(", "total = (torch.stack("),
    ("masked_mean((values - masked_mean(values, mask, add_up)) ** 2, mask, add_up)", "masked_mean(values**2, mask)"),
    ("if not shift_mean:", "if shift_mean:"),
    ("return whitened * mask", "return whitened"),
    ("torch.rsqrt(masked_variance", "torch.sqrt(masked_variance"),
    # KL: which model stands where.
    ("return logprobs - reference_logprobs", "return reference_logprobs - logprobs"),
    ("log_ratio = reference_logprobs - logprobs", "log_ratio = logprobs - reference_logprobs"),
    ("torch.expm1(log_ratio) - log_ratio", "torch.expm1(log_ratio) + log_ratio"),
    # Rewards: the sign of the penalty, the place of the score, the mask.
    ("rewards = -coefficient * kl * mask", "rewards = coefficient * kl * mask"),
    ("rewards = -coefficient * kl * mask", "rewards = -coefficient * kl"),
    ("mask.sum(dim=1).clamp(min=1) - 1", "mask.sum(dim=1).clamp(max=mask.shape[1] - 1)"),
    ("rewards[torch.arange(len(scores)), last] += scores", "rewards[torch.arange(len(scores)), last] -= scores"),
    # Advantages: signs, the next value's index, gamma, lambda, the mask.
    ("values, rewards = values * mask, rewards * mask", "pass"),
    ("discount * following_value - values[:, time]", "discount * following_value + values[:, time]"),
    ("+ discount * following_value - values", "- discount * following_value - values"),
    ("discount * trace * following_advantage", "discount * following_advantage"),
    ("discount * trace * following_advantage", "trace * following_advantage"),
    ("following_value = values[:, time]", "following_value = values[:, time - 1]"),
    ("reversed(range(rewards.shape[1]))", "reversed(range(1, rewards.shape[1]))"),
    ("return advantages, (advantages + values) * mask", "return advantages, (advantages - values) * mask"),
    # Groups: whose mean, over how many, in which order, divided by what.
    ("(groups.sum(dim=1, keepdim=True) - groups) / (samples - 1)", "groups.mean(dim=1, keepdim=True)"),
    ("(groups.sum(dim=1, keepdim=True) - groups) / (samples - 1)", "(groups.sum() - groups) / (samples - 1)"),
    ("- groups) / (samples - 1)", "- groups) / samples"),
    ("return (groups - others).flatten()", "return (others - groups).flatten()"),
    ("rewards.view(-1, samples)", "rewards.view(samples, -1).T"),
    ("groups.std(dim=1, keepdim=True, correction=1)", "groups.std(dim=1, keepdim=True, correction=0)"),
    ("groups.std(dim=1, keepdim=True, correction=1)", "groups.std()"),
    ("groups.std(dim=1, keepdim=True, correction=1)", "groups.var(dim=1, keepdim=True, correction=1)"),
    ("(groups - groups.mean(dim=1, keepdim=True)) / (", "(groups.mean(dim=1, keepdim=True) - groups) / ("),
    ("(groups - groups.mean(dim=1, keepdim=True)) / (", "(groups - groups.mean()) / ("),
    ("(spread + _GROUP_TINY)", "spread"),
    # Losses: signs, which of the two is taken, where clipping starts.
    ("torch.exp(logprobs - old_logprobs)", "torch.exp(old_logprobs - logprobs)"),
    ("free = -advantages * ratio", "free = advantages * ratio"),
    ("torch.maximum(free, clipped), ratio", "torch.minimum(free, clipped), ratio"),
    ("ratio.clamp(1.0 - clip_range, 1.0 + clip_range)", "ratio.clamp(-clip_range, clip_range)"),
    ("ratio, clipped > free", "ratio, clipped < free"),
    ("near = old_values + (values - old_values)", "near = old_values - (values - old_values)"),
    ("clamp(-clip_range, clip_range)", "clamp(max=clip_range)"),
    ("0.5 * torch.maximum(free, clipped), clipped > free", "torch.maximum(free, clipped), clipped > free"),
    ("0.5 * torch.maximum(free, clipped), clipped > free", "0.5 * torch.minimum(free, clipped), clipped > free"),
    # Explained variance and the controller.
    ("masked_variance(returns - values, mask, add_up) / spread", "masked_variance(values, mask) / spread"),
    ("kl / target - 1.0", "1.0 - kl / target"),
    ("-0.2), 0.2)", "-1.0), 1.0)"),
    ("error * samples / horizon", "error * horizon / samples"),
]


def _notices(test: object) -> bool:
    try:
        test()  # type: ignore[operator]
    # Whatever a wrong sum leads to: a failed comparison, an index out of range, a shape that does not fit.
    except Exception:  # noqa: BLE001
        return True
    return False


def _noticing(source: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    module = types.ModuleType("ppo_math")
    exec(compile(source, "ppo_math", "exec"), module.__dict__)
    monkeypatch.setattr(test_maths, "m", module)
    tests = {name: test for name, test in vars(test_maths).items() if name.startswith("test_")}
    return [name for name, test in tests.items() if _notices(test)]


def test_the_arithmetic_as_it_stands_is_not_complained_of(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _noticing(inspect.getsource(ppo_math), monkeypatch) == []


@pytest.mark.parametrize(("right", "wrong"), _MISTAKES, ids=[wrong for _, wrong in _MISTAKES])
def test_a_planted_mistake_is_noticed(right: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = inspect.getsource(ppo_math)
    assert right in source, "the mistake no longer fits the code"
    assert _noticing(source.replace(right, wrong), monkeypatch)
