"""Picks responses of a step to show during a run."""

from dataclasses import dataclass

import torch

from training.ppo.maths import kl_estimate
from training.ppo.rollouts import Rollout

COLUMNS = ("prompt ends", "response", "score", "KL", "ended")
"""Column names of `cells`."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One response of a step, with its score and its KL in nats."""

    prompt: str
    response: str
    score: float
    kl: float
    ended: bool


def chosen_samples(rollout: Rollout, scores: torch.Tensor) -> list[Sample]:
    """Return the responses with the highest, median and lowest score."""
    kl = (kl_estimate(rollout.logprobs, rollout.reference_logprobs) * rollout.mask).sum(dim=1)
    order = scores.argsort(descending=True, stable=True).tolist()
    shown = dict.fromkeys((order[0], order[len(order) // 2], order[-1]))
    return [
        Sample(rollout.prompts[i], rollout.responses[i], float(scores[i]), float(kl[i]), bool(rollout.ended[i]))
        for i in shown
    ]


def cells(sample: Sample) -> tuple[str, ...]:
    """Format the sample as a table row under COLUMNS."""
    ended = "yes" if sample.ended else "cut off"
    return sample.prompt[-80:], sample.response, f"{sample.score:.2f}", f"{sample.kl:.2f}", ended
