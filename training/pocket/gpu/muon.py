"""Muon (Jordan et al. 2024): momentum, orthogonalized so that each step moves all directions of a weight matrix equally
far.
"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration. Small singular values grow fastest, and all end between 0.7 and 1.2."""


class Muon(torch.optim.Optimizer):
    """Muon for matrices only. Matrices of the same shape are orthogonalized together."""

    def __init__(self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update by the orthogonalized Nesterov momentum, times the learning rate and sqrt(max(1, height / width))."""
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
    """Return approximately the nearest matrix with orthonormal rows or columns for each of (count, height, width), by
    Newton-Schulz iteration; in bfloat16 on a GPU.
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
