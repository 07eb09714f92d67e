"""Updates on one step's responses, in epochs of mini-batches.

A mini-batch is spread over the processes of the run and, within each, over micro-batches of similar length. Losses are
sums over tokens divided by the tokens of the whole mini-batch, so that the gradient does not depend on the division.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from training.ppo.config import PpoConfig
from training.ppo.experience import Experience
from training.ppo.guards import Guards
from training.ppo.maths import kl_lower_variance, policy_losses, value_losses
from training.ppo.policy import Policy, TokenEvaluation
from training.ppo.ppo_ptx import Anchor
from training.ppo.rollouts import Rollout, buckets
from training.runs.data.batches import rounded
from training.runs.distributed import Ranks
from training.runs.schedules import share_of_rate

# In the order of the sums below.
_SUMS = ("loss/policy_avg", "loss/value_avg", "policy/clipfrac_avg", "val/clipfrac_avg", "policy/approxkl_avg")


@dataclass(frozen=True, slots=True)
class MiniBatch:
    """This process's rows of one update, in micro-batches. `tokens` counts the update's tokens over all processes."""

    groups: list[torch.Tensor]
    tokens: float


class Learner:
    """The optimizer over a policy's adapter and value head."""

    def __init__(self, config: PpoConfig, policy: Policy, guards: Guards, ranks: Ranks) -> None:
        self._config = config
        self._policy = policy
        self._guards = guards
        self._ranks = ranks
        self._anchor = Anchor(config, policy, ranks)
        self._parameters = list(policy.trainable().values())
        head = list(policy.value_head.parameters())
        adapter = self._parameters[: -len(head)]
        self._value_weight = config.value_coefficient if config.method == "ppo" else 0.0
        self._rates = (config.learning_rate, config.value_learning_rate)
        self.optimizer = torch.optim.AdamW([{"params": adapter}, {"params": head}], weight_decay=0.0)

    def update(self, step: int, rollout: Rollout, experience: Experience) -> dict[str, float]:
        """Perform all updates of step `step` (from 1) and return their mean metrics."""
        config = self._config
        share = share_of_rate(config.lr_schedule, step - 1, config.max_steps, config.warmup_steps)
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * share
        batches = self._mini_batches(rollout)
        # Sums over tokens: of each metric, then of 1, the ratio and its square.
        totals = torch.zeros(len(_SUMS) + 3, dtype=torch.float64)
        norms: list[float] = []
        anchored = 0.0
        for epoch in range(self._config.epochs):
            order = list(range(len(batches)))
            random.Random(f"{self._config.seed}/update/{step}/{epoch}").shuffle(order)
            for count, number in enumerate(order):
                sums, off = self._accumulate(rollout, experience, batches[number])
                if epoch == count == 0:
                    self._guards.check_first_ratio(step, self._ranks.largest(off))
                totals += sums
                made = (step - 1) * self._config.epochs * len(order) + len(norms)
                anchored += self._anchor.accumulate(made)
                norms.append(self._apply(step))
        totals = self._ranks.add_up(totals)
        tokens = max(1.0, float(totals[len(_SUMS)]))
        metrics = {name: float(totals[index]) / tokens for index, name in enumerate(_SUMS)}
        ratio = float(totals[-2]) / tokens
        metrics |= {"val/ratio": ratio, "val/ratio_var": max(0.0, float(totals[-1]) / tokens - ratio**2)}
        if self._config.anchor:
            metrics["loss/anchor"] = float(self._ranks.add_up(torch.tensor([anchored]))[0]) / len(norms)
        return metrics | {"gradient_norm": sum(norms) / len(norms), "lr": config.learning_rate * share}

    def _mini_batches(self, rollout: Rollout) -> list[MiniBatch]:
        """Assign rows to mini-batches by their number, so that the number of processes does not matter."""
        size = self._config.mini_batch_size // self._ranks.world
        lengths = rollout.source_mask.sum(dim=1).tolist()
        made = []
        for start in range(0, len(lengths), size):
            groups = buckets(lengths[start : start + size], self._config.micro_batch_size)
            tokens = self._ranks.add_up(rollout.mask[start : start + size].sum().double())
            made.append(MiniBatch([torch.tensor(group) + start for group in groups], max(1.0, float(tokens))))
        return made

    def _accumulate(self, rollout: Rollout, experience: Experience, batch: MiniBatch) -> tuple[torch.Tensor, float]:
        """Accumulate a mini-batch's gradient. Return sums of metrics, and the largest distance of a ratio from 1."""
        config = self._config
        totals = torch.zeros(len(_SUMS) + 3, dtype=torch.float64)
        off = 0.0
        for rows, mask, seen in self._passes(rollout, batch):
            width = mask.shape[1]
            old, old_values = rollout.logprobs[rows, :width], rollout.values[rows, :width]
            advantages, returns = experience.advantages[rows, :width], experience.returns[rows, :width]
            policy, ratio, clipped = policy_losses(seen.logprobs, old, advantages, config.clip_range)
            value, value_clipped = value_losses(seen.values, old_values, returns, config.value_clip_range)
            loss = policy + self._value_weight * value - config.entropy_coefficient * seen.entropy
            if experience.kl_weight:
                reference = rollout.reference_logprobs[rows, :width]
                loss = loss + experience.kl_weight * kl_lower_variance(seen.logprobs, reference)
            ((loss * mask).sum() / batch.tokens).backward()
            with torch.no_grad():
                moved = 0.5 * (seen.logprobs - old) ** 2
                columns = (policy, value, clipped, value_clipped, moved, torch.ones_like(ratio), ratio, ratio**2)
                totals += torch.stack([(column * mask).sum().double().cpu() for column in columns])
                off = max(off, float(((ratio - 1.0).abs() * mask).max()))
        return totals, off

    def _passes(
        self, rollout: Rollout, batch: MiniBatch
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor, TokenEvaluation]]:
        """Evaluate each micro-batch, with padding cut to its longest row. Yields rows, mask and evaluation."""
        for rows in batch.groups:
            width = rounded(int(rollout.source_mask[rows].sum(dim=1).max()))
            longest = int(rollout.mask[rows].any(dim=0).sum())
            mask = rollout.mask[rows, :longest]
            source_mask = rollout.source_mask[rows, :width]
            if rollout.encoded is None:
                encoded = self._policy.encode(rollout.source[rows, :width], source_mask)
            else:
                encoded = rollout.encoded[rows, :width]
            bonus = self._config.entropy_coefficient != 0.0
            yield (
                rows,
                mask,
                self._policy.evaluate_tokens(encoded, source_mask, rollout.tokens[rows, :longest], mask, bonus),
            )

    def _apply(self, step: int) -> float:
        """Perform an optimizer step. Return the gradient norm before clipping."""
        self._ranks.add_up_gradients(self._parameters)
        norm = float(torch.nn.utils.clip_grad_norm_(self._parameters, self._config.max_gradient_norm))
        self._guards.check_numbers(step, {"the gradient's length": norm})
        self.optimizer.step()
        self.optimizer.zero_grad()
        return norm


def copy_parameters(policy: Policy) -> dict[str, Any]:
    """Return a copy of the trained weights by name."""
    return {name: parameter.detach().clone() for name, parameter in policy.trainable().items()}


@torch.no_grad()
def restore_parameters(policy: Policy, saved: dict[str, Any]) -> None:
    """Load saved weights into the policy."""
    for name, parameter in policy.trainable().items():
        parameter.copy_(saved[name])
