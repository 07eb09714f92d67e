"""Learning-rate schedules, by the names of transformers."""

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch.optim.lr_scheduler import LambdaLR

Schedule = Literal["linear", "cosine", "constant", "constant_with_warmup", "inverse_sqrt"]
"""The schedules that need only the number of steps and of warmup steps."""


def share_of_rate(schedule: Schedule, step: int, steps: int, rise: int) -> float:
    """Return the factor of the learning rate at step `step` (from 0) of `steps`. It rises over the first `rise` steps.

    During the rise, each step takes the factor of the next one, so that no step has a rate of 0.
    """
    if step + 1 == rise:
        return 1.0  # If the run ends here, a falling schedule would return 0.
    share: float = _schedule(schedule, steps, rise).lr_lambdas[0](step + 1 if step < rise else step)
    return share


@lru_cache(maxsize=8)
def _schedule(schedule: Schedule, steps: int, rise: int) -> "LambdaLR":
    import torch
    from transformers import get_scheduler

    alone = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    made: LambdaLR = get_scheduler(schedule, alone, rise, steps)
    return made
