"""Stops a PPO run that goes wrong: NaN, runaway KL or length, collapse."""

import math
from typing import Any

from assistant.errors import TrainingStopped
from training.ppo.config import GuardLimits


class Guards:
    """Checks the metrics of each step. Every check raises TrainingStopped."""

    def __init__(self, limits: GuardLimits) -> None:
        self._limits = limits
        self._first: dict[str, float] = {}
        self._strikes: dict[str, int] = {}

    @property
    def is_calm(self) -> bool:
        """Whether no metric exceeded its limit in the last step, so that a checkpoint is safe to keep."""
        return not any(self._strikes.values())

    def check_numbers(self, step: int, metrics: dict[str, float]) -> None:
        """Stop if a metric is NaN or infinite."""
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise TrainingStopped(f"{name} was {value} at step {step}: lower learning_rate")

    def check_rollout(self, step: int, metrics: dict[str, float]) -> None:
        """Stop if a step's responses show that something is wrong. Call it before the step's updates."""
        self.check_numbers(step, metrics)
        limits, first = self._limits, self._first
        if step == 1:
            first.update({name: metrics[name] for name in ("response/distinct", "response/length")})
            if abs(metrics["objective/kl"]) > limits.max_first_kl:
                raise TrainingStopped(
                    f"KL is {metrics['objective/kl']:.2g}, not 0, at the start (max_first_kl): set dtype to float32"
                )
        kl, noise = metrics["objective/kl"], metrics["objective/kl_error"]
        self._strike(
            step,
            "negative KL",
            kl < -(4 * noise + limits.max_first_kl),
            f"mean KL is {kl:.2f}, below 0 beyond its noise: set dtype to float32",
        )
        self._strike(
            step,
            "runaway KL",
            kl > limits.max_kl,
            f"KL to the reference is {kl:.1f} (max_kl {limits.max_kl:g}): raise kl_coefficient or lower learning_rate",
        )
        distinct = metrics["response/distinct"]
        self._strike(
            step,
            "collapse",
            distinct < limits.min_distinct * first["response/distinct"],
            f"only {distinct:.0%} of the responses differ (min_distinct): "
            "raise kl_coefficient or entropy_coefficient, or change the reward",
        )
        length = metrics["response/length"]
        self._strike(
            step,
            "runaway length",
            length > limits.max_length_growth * max(1.0, first["response/length"]),
            f"responses grew from {first['response/length']:.0f} to {length:.0f} tokens (max_length_growth): "
            "raise missing_eos_penalty or kl_coefficient",
        )

    def check_first_ratio(self, step: int, distance: float) -> None:
        """Stop if a ratio before a step's first update differs from 1 by more than rounding. `distance` is the largest
        difference.
        """
        if not distance <= self._limits.ratio_tolerance:
            raise TrainingStopped(
                f"the first ratios of step {step} are off 1 by {distance:.2g} (ratio_tolerance): set dtype to float32"
            )

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {"first": dict(self._first), "strikes": dict(self._strikes)}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the state from a checkpoint."""
        self._first, self._strikes = dict(state["first"]), dict(state["strikes"])

    def _strike(self, step: int, name: str, is_beyond: bool, message: str) -> None:
        self._strikes[name] = self._strikes.get(name, 0) + 1 if is_beyond else 0
        if self._strikes[name] >= self._limits.patience:
            raise TrainingStopped(f"stopped at step {step}: {message}; the last good checkpoint is kept")
