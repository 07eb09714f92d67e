"""The processes of a run: those started by torchrun, or only this one."""

import os

import torch
from torch import distributed


class Ranks:
    """This process's rank, the number of processes, and their collective operations, by default over gloo."""

    def __init__(self) -> None:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
            distributed.init_process_group("gloo")
        joined = distributed.is_initialized()
        self.rank: int = distributed.get_rank() if joined else 0
        self.world: int = distributed.get_world_size() if joined else 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the run's files."""
        return self.rank == 0

    def add_up(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the sum of the tensor over all processes."""
        if self.world == 1:
            return tensor
        total = tensor.detach().cpu().clone()
        distributed.all_reduce(total)
        return total.to(tensor.device)

    def add_up_gradients(self, parameters: list[torch.nn.Parameter]) -> None:
        """Replace each gradient by its sum over all processes, in one message."""
        if self.world == 1:
            return
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        total = self.add_up(torch.cat([gradient.flatten() for gradient in gradients]))
        for parameter, part in zip(parameters, total.split([p.numel() for p in parameters]), strict=True):
            parameter.grad = part.view_as(parameter).clone()

    def gather(self, numbers: list[int]) -> list[int]:
        """Return the integers of all processes in order of rank. Each process must pass equally many."""
        if self.world == 1:
            return numbers
        own = torch.tensor(numbers, dtype=torch.long)
        parts = [torch.empty_like(own) for _ in range(self.world)]
        distributed.all_gather(parts, own)
        return [int(number) for part in parts for number in part]

    def largest(self, value: float) -> float:
        """Return the largest value over all processes."""
        if self.world == 1:
            return value
        found = torch.tensor([value], dtype=torch.float64)
        distributed.all_reduce(found, op=distributed.ReduceOp.MAX)
        return float(found[0])

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process."""
        return bool(self.add_up(torch.tensor([float(flag)]))[0] > 0)

    def share_text(self, text: str) -> str:
        """Return the leading process's text in all processes."""
        if self.world == 1:
            return text
        content = list(text.encode())
        length = int(self.add_up(torch.tensor([len(content) if self.leads else 0]))[0])
        block = torch.zeros(length, dtype=torch.long)
        if self.leads:
            block = torch.tensor(content, dtype=torch.long)
        return bytes(self.add_up(block).tolist()).decode()
