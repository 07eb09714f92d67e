"""Trains on a bundle for a given time: two thirds pre-training, then one third tuning with a falling learning rate.

`checkpoint.pt`, saved every minute, has all that a resumed training needs. The result, `model.safetensors` in float16,
is the mean of the weights at five points of the last tenth.
"""

import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader

from assistant.errors import DataMissing, TrainingStopped
from training.pocket.gpu.bundle import LENGTHS, Bundle, Phase, read_bundle
from training.pocket.gpu.drawing import Batches
from training.pocket.gpu.muon import Muon
from training.pocket.gpu.network import Network, loss_of

TUNED_FROM = 2 / 3
"""Fraction of the training after which tuning starts and the learning rate falls."""
_AVERAGED = 5
_APART = 0.02
"""Fraction of the training between two averaged points."""
_CLIPPED = 1.0


@dataclass(frozen=True)
class Options:
    """Options of the training. `max_steps` above 0 replaces `minutes`."""

    minutes: float = 8.0
    max_steps: int = 0
    step_tokens: int = 65_536
    """Source tokens per step, including padding."""
    rate: float = 0.02
    """Learning rate of Muon, for matrices."""
    adam_rate: float = 0.01
    """Learning rate of AdamW, for embeddings and norms, whose weights are about 1."""
    warmup_steps: int = 100
    workers: int = 8
    """Processes that draw batches in advance; 0 for none."""
    seed: int = 20261128
    log_every: int = 50
    save_seconds: float = 60.0
    held_out_batches: int = 8


class Training:
    """The state of a training: weights, optimizers, progress, and the running sum of weights. `out` is its folder."""

    def __init__(self, bundle: Bundle, out: Path, options: Options, device: torch.device) -> None:
        if not bundle.of("tuning"):
            raise DataMissing("the bundle has nothing to tune on")
        torch.manual_seed(options.seed)
        self.bundle, self.out, self.options, self.device = bundle, out, options, device
        self.network = Network(bundle.shape).to(device)
        self.compiled: nn.Module = torch.compile(self.network) if device.type == "cuda" else self.network  # type: ignore[assignment]
        self.optimizers = _optimizers(self.network, options)
        self.steps = 0
        self.seconds = 0.0
        self.averaged = 0
        self.sums: dict[str, Tensor] = {}

    def fraction(self) -> float:
        """Return the completed fraction, 0 to 1."""
        if self.options.max_steps:
            return min(1.0, self.steps / self.options.max_steps)
        return min(1.0, self.seconds / (60 * self.options.minutes))

    def phase(self) -> Phase:
        """Return the phase of the next step."""
        return "pretraining" if self.fraction() < TUNED_FROM and self.bundle.of("pretraining") else "tuning"

    def rate(self) -> float:
        """Return the factor of the learning rates at the next step."""
        return min(1.0, (self.steps + 1) / self.options.warmup_steps, (1 - self.fraction()) / (1 - TUNED_FROM))

    def step(self, batch: dict[str, Tensor]) -> Tensor:
        """Perform an update. Return the loss, on the device."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["full"] * self.rate()
        with self._autocast():
            loss = loss_of(self.compiled, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), _CLIPPED)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.steps += 1
        return loss.detach()

    def average(self) -> None:
        """Add the weights to the sum if one of the averaged points is reached."""
        due = math.floor(_AVERAGED - (1 - self.fraction()) / _APART + 1e-9)
        if due > self.averaged:
            for name, value in self.network.state_dict().items():
                self.sums[name] = self.sums.get(name, 0) + (due - self.averaged) * value.detach().float()
            self.averaged = due

    @torch.no_grad()
    def held_out(self) -> float | None:
        """Return the loss on held-out pairs, in nats per target token, or None if there are none."""
        if not self.bundle.of("held_out"):
            return None
        batches = Batches(self.bundle, "held_out", self._rows("held_out"), 0).in_order()
        total = tokens = 0.0
        for _, batch in zip(range(self.options.held_out_batches), batches, strict=False):
            count = int((batch["labels"] >= 0).sum())
            with self._autocast():
                total += float(loss_of(self.network, self._moved(batch))) * count
            tokens += count
        return total / tokens

    def batches(self, phase: Phase) -> Iterator[dict[str, Tensor]]:
        """Yield batches from the current step on, drawn in advance."""
        options = self.options
        drawn: Any = Batches(self.bundle, phase, self._rows(phase), options.seed)
        # fmt: off
        loader = DataLoader(
            drawn, batch_size=None, sampler=range(self.steps, 1 << 40), num_workers=options.workers,
            prefetch_factor=4 if options.workers else None, pin_memory=self.device.type == "cuda",
            worker_init_fn=_keep_drawing,
        )
        # fmt: on
        return map(self._moved, loader)

    def save(self) -> None:
        """Write the checkpoint atomically."""
        optimizers = [optimizer.state_dict() for optimizer in self.optimizers]
        place = self.out / "checkpoint.pt"
        draft = place.with_suffix(".part")
        kept = {"network": self.network.state_dict(), "optimizers": optimizers, "sums": self.sums}
        torch.save(kept | {"steps": self.steps, "seconds": self.seconds, "averaged": self.averaged}, draft)
        draft.replace(place)

    def restore(self) -> None:
        """Restore the checkpoint, if there is one."""
        place = self.out / "checkpoint.pt"
        if not place.exists():
            return
        kept = torch.load(place, map_location=self.device, weights_only=True)
        self.network.load_state_dict(kept["network"])
        for optimizer, state in zip(self.optimizers, kept["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.sums, self.steps = kept["sums"], kept["steps"]
        self.seconds, self.averaged = kept["seconds"], kept["averaged"]

    def finish(self) -> None:
        """Load the averaged weights into the network and write them."""
        self.network.load_state_dict({name: value / self.averaged for name, value in self.sums.items()})
        weights = {name: value.half().cpu().contiguous() for name, value in self.network.state_dict().items()}
        save_file(weights, self.out / "model.safetensors")

    def log(self, **figures: Any) -> None:
        """Print a line of JSON and append it to log.jsonl."""
        line = json.dumps({"step": self.steps, "seconds": round(self.seconds, 1), **figures})
        print(line, flush=True)
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def _rows(self, phase: Phase) -> int:
        return max(1, self.options.step_tokens // LENGTHS[phase][0])

    def _moved(self, batch: Any) -> dict[str, Tensor]:
        return {name: torch.as_tensor(ids).to(self.device, non_blocking=True) for name, ids in batch.items()}

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")


def train(
    folder: Path, out: Path, options: Options, device: str, should_stop: Callable[[int], bool] = lambda steps: False
) -> bool:
    """Train on the bundle in `folder`, from the checkpoint in `out` if there is one. If `should_stop(steps)` is true,
    save and return False; return True when finished.

    Raises DataMissing if the folder is no bundle, and TrainingStopped if the loss is not finite.
    """
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    training = Training(read_bundle(folder), out, options, torch.device(device))
    training.restore()
    started -= training.seconds
    training.log(parameters=sum(one.numel() for one in training.network.parameters()), device=device)
    while training.fraction() < 1:
        if not _run(training, started, should_stop):
            return False
    training.finish()
    training.log(held_out=training.held_out(), finished=True)
    return True


def _run(training: Training, started: float, should_stop: Callable[[int], bool]) -> bool:
    """Train to the end of the phase. Return False if the training was stopped."""
    phase, options = training.phase(), training.options
    logged, saved = (training.steps, time.monotonic()), time.monotonic()
    for batch in training.batches(phase):
        loss = training.step(batch)
        training.seconds = time.monotonic() - started
        training.average()
        if training.steps % options.log_every == 0 or training.fraction() == 1:
            value, now = float(loss), time.monotonic()
            if not math.isfinite(value):
                raise TrainingStopped(f"the loss was {value} at step {training.steps}: lower --rate and start again")
            speed = (training.steps - logged[0]) * options.step_tokens / (now - logged[1])
            training.log(phase=phase, loss=round(value, 4), tokens_per_second=round(speed))
            logged = (training.steps, now)
        is_stopped = should_stop(training.steps)
        if is_stopped or time.monotonic() - saved > options.save_seconds:
            training.log(held_out=training.held_out())
            training.save()
            saved = time.monotonic()
        if is_stopped:
            return False
        if training.fraction() == 1 or training.phase() != phase:
            return True
    return True


def _keep_drawing(worker: int) -> None:
    """Ignore signals in a worker. A signal to the whole process group stops the training after its step, which needs
    the workers.
    """
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)


def _optimizers(network: Network, options: Options) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices of the layers, and AdamW for embeddings and norms."""
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in network.named_parameters():
        is_matrix = parameter.ndim == 2 and not name.startswith("shared") and "relative" not in name
        (matrices if is_matrix else others).append(parameter)
    adam = torch.optim.AdamW(others, lr=options.adam_rate, betas=(0.9, 0.98), weight_decay=0.0)
    optimizers: list[torch.optim.Optimizer] = [Muon(matrices, lr=options.rate), adam]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["full"] = group["lr"]
    return optimizers
