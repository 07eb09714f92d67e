"""Muon (Jordan et al. 2024): momentum whose matrix is made orthogonal before it is taken as a step, so that every
direction of a weight matrix moves as far as any other.
"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration: they make small singular values grow fastest and leave all between 0.7 and 1.2."""


class Muon(torch.optim.Optimizer):
    """For matrices alone. Matrices of the same shape are made orthogonal together."""

    def __init__(self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update: Nesterov's momentum, made orthogonal, times the rate and the root of how much taller than wide
        the matrix is.
        """
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike[parameter.shape].append(parameter)
            for shape, parameters in alike.items():
                ahead = torch.stack([self._ahead(parameter, group["momentum"]) for parameter in parameters])
                scale = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
                for parameter, step in zip(parameters, orthogonal(ahead), strict=True):
                    parameter.add_(step.to(parameter.dtype), alpha=-scale)

    def _ahead(self, parameter: Tensor, momentum: float) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["mean"] = torch.zeros_like(parameter)
        assert parameter.grad is not None
        mean: Tensor = state["mean"].lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(mean, momentum)


def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """About the nearest matrix with orthogonal rows or columns to each of (count, height, width), by Newton and
    Schulz's iteration; in bfloat16 on a GPU.
    """
    a, b, c = _COEFFICIENTS
    found = matrices.bfloat16() if matrices.is_cuda else matrices.float()
    is_tall = found.shape[-2] > found.shape[-1]
    found = found.mT if is_tall else found
    found = found / (found.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        square = found @ found.mT
        found = a * found + (b * square + c * square @ square) @ found
    return torch.swapaxes(found, -2, -1) if is_tall else found
