"""How the learning rate goes over a run, by the names that transformers gives its schedules."""

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch.optim.lr_scheduler import LambdaLR

Schedule = Literal["linear", "cosine", "constant", "constant_with_warmup", "inverse_sqrt"]
"""Those that need nothing beside a number of steps and of steps to rise over."""


def share_of_rate(schedule: Schedule, step: int, steps: int, rise: int) -> float:
    """The share of the full learning rate in step `step` of `steps`, from 0; it rises over the first `rise` of them.

    While it rises a step takes the next one's share, so that no step is taken with a rate of 0.
    """
    if step + 1 == rise:
        return 1.0  # whatever comes then: a run may end here, and a schedule that falls would say 0
    share: float = _schedule(schedule, steps, rise).lr_lambdas[0](step + 1 if step < rise else step)
    return share


@lru_cache(maxsize=8)
def _schedule(schedule: Schedule, steps: int, rise: int) -> "LambdaLR":
    import torch
    from transformers import get_scheduler

    alone = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    made: LambdaLR = get_scheduler(schedule, alone, rise, steps)
    return made
