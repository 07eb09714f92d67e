"""One step of learning from preferences, and the state that a checkpoint saves.

The policy is a `training.ppo.policy.Policy`: base weights with a trained adapter and the original adapter as the frozen
reference, so that the reference needs no copy of the model. If only decoder adapters are trained, both share the
encoder's output. Policy and reference read answers in batches of the same shape, so that they are exactly equal at the
start.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from assistant.errors import TrainingStopped, UsageError
from assistant.locations import ensure_dir
from training.ppo.policy import LoraShape, Policy, load_policy
from training.ppo.prompts import PromptIds
from training.ppo.rollouts import buckets, collect, padded, rows_of_step, sampling_noise, states_of
from training.ppo.updates import copy_parameters, restore_parameters
from training.prefer import maths
from training.prefer.config import NATURES, PreferConfig
from training.prefer.examples import Example, Material, mismatched
from training.runs.run import Run
from training.runs.schedules import share_of_rate

Appraise = Callable[[Policy], tuple[float, float]]
"""policy -> score of its answers, higher is better, and how far it is above its limit; below 0 it cannot be selected.
"""

Beside = Callable[[Policy, int], float]
"""(policy, update from 0) -> another loss, whose gradient it has accumulated."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The evaluation of one answer per row, all (rows,): log-probability, its mean per token, log policy - log
    reference (0 if the method needs no reference), and number of tokens.
    """

    logprob: torch.Tensor
    mean: torch.Tensor
    logratio: torch.Tensor
    tokens: torch.Tensor


class Trainer:
    """Performs training steps and evaluations, and saves and restores their state."""

    def __init__(
        self,
        config: PreferConfig,
        model: Path,
        adapter: Path | None,
        material: Material,
        prompts: Sequence[PromptIds],
        appraise: Appraise | None,
        beside: Beside | None = None,
    ) -> None:
        _check(config)
        self._config = config
        self._nature = NATURES[config.method]
        self._train, self._held_out = material.train, material.held_out
        self._prompts = prompts[: config.kl_prompts]
        self._appraise, self._beside = appraise, beside
        self.policy = load_policy(
            model,
            adapter,
            LoraShape(config.lora_rank, config.lora_alpha, config.lora_targets),
            trains_encoder=config.adapt == "all",
            value_adapter=False,
            temperature=1.0,
            dtype=config.dtype,
            device="cuda" if torch.cuda.is_available() else "cpu",
            seed=config.seed,
        )
        self._parameters = [
            parameter for name, parameter in self.policy.trainable().items() if not name.startswith("value_head.")
        ]
        self._optimizer = torch.optim.AdamW(self._parameters, weight_decay=0.0)
        self._origin = self.policy.fingerprint()
        self._best: dict[str, float] = {}
        self._judged: dict[str, float] = {}
        self.steps = 0
        self.most_steps = material.steps(config)
        self.seconds = 0.0

    def step(self) -> dict[str, float]:
        """Update on one batch and return the step's metrics. Raises TrainingStopped if a metric is not finite."""
        config = self._config
        rows = rows_of_step(len(self._train), self.steps, config.batch_size, config.seed)
        batch = [self._train[row] for row in rows]
        point = self._reference_point(batch)
        weight = sum(example.weight for example in batch)
        totals: dict[str, float] = {}
        for group in _groups(batch, config.micro_batch_size):
            losses, figures = self._losses(group, point)
            weights = _weights(group, self.policy)
            ((losses * weights).sum() / weight).backward()
            for name, values in {"loss": losses, **figures}.items():
                totals[name] = totals.get(name, 0.0) + float((values.detach() * weights).sum()) / weight
        if self._beside:
            totals["loss/anchor"] = self._beside(self.policy, self.steps)
        rate = self._rate()
        norm = self._apply(rate)
        self.steps += 1
        metrics = totals | {"gradient_norm": norm, "lr": rate}
        if config.method == "kto":
            metrics["reference_point"] = float(point)
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise TrainingStopped(f"{name} was {value} at step {self.steps}: lower learning_rate")
        return metrics

    @torch.no_grad()
    def judge(self, run: Run) -> None:
        """Evaluate on the held-out examples. Save the weights if they are the best so far within limits."""
        found = {f"dev_{name}": value for name, value in self._on_held_out().items()}
        kl = self._kl() if self._prompts else 0.0
        score, spare = self._appraise(self.policy) if self._appraise else (-found.get("dev_loss", math.nan), 0.0)
        if self._appraise:
            found |= {"dev_judge": score, "dev_spare": spare}
        if not found:
            return
        self._judged = found | {"dev_kl": kl}
        run.log(self.steps, **self._judged)
        if spare >= 0 and kl <= self._config.max_kl and score > self._best.get("judge", -math.inf):
            self._best = {"judge": score, "step": float(self.steps), "kl": kl}
            run.save(self.steps, {"trained": copy_parameters(self.policy)}, "best")

    def tree(self) -> dict[str, Any]:
        """Return the state for a checkpoint. The order of the examples follows from seed and step."""
        return {
            "origin": self._origin,
            "trained": copy_parameters(self.policy),
            "optimizer": self._optimizer.state_dict(),
            "best": self._best,
            "judged": self._judged,
            "seconds": self.seconds,
        }

    def restore(self, steps: int, tree: dict[str, Any]) -> None:
        """Restore a checkpoint. Raises UsageError if model or adapter changed since it was written."""
        if tree["origin"] != self._origin:
            raise UsageError("the model or its adapter changed since the run was started; start a new run")
        restore_parameters(self.policy, tree["trained"])
        self._optimizer.load_state_dict(tree["optimizer"])
        self._best, self._judged = dict(tree["best"]), dict(tree["judged"])
        self.steps, self.seconds = steps, tree["seconds"]

    def figures(self, metrics: dict[str, float]) -> dict[str, float]:
        """Return the figures for the progress display."""
        shown = {name: metrics[name] for name in ("loss", "accuracy") if name in metrics}
        return {
            "step": float(self.steps),
            "fraction": self.steps / self.most_steps,
            "seconds": self.seconds,
            **shown,
            **self._judged,
        }

    def finish(self, run: Run, out: Path) -> dict[str, float]:
        """Write the best adapter, or the last one if none was selected, and return the run's final figures. Raises
        TrainingStopped, and writes nothing, if its KL is above `max_kl`.
        """
        kept = run.load("best") if self._best else None
        if kept:
            restore_parameters(self.policy, kept[1]["trained"])
        kl = self._best["kl"] if kept else self._judged.get("dev_kl", self._kl() if self._prompts else 0.0)
        if kl > self._config.max_kl:
            raise TrainingStopped(
                f"KL to the original is {kl:.1f} (max_kl {self._config.max_kl:g}) and no earlier weights were judged: "
                "set judge_every, or lower learning_rate"
            )
        self.policy.save(ensure_dir(out), with_values=False)
        return {
            "steps": float(self.steps),
            "kept_step": float(kept[0] if kept else self.steps),
            "kl": kl,
            "trained_parameters": float(sum(parameter.numel() for parameter in self._parameters)),
            "seconds": self.seconds,
            **{name: value for name, value in self._judged.items() if name != "dev_kl"},
            **({"best_judge": self._best["judge"], "best_kl": kl} if kept else {}),
        }

    def _losses(self, group: Sequence[Example], point: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the method's losses and further metrics, all (examples,)."""
        config, beta = self._config, self._config.strength
        sides = [self._see(group, side) for side in range(len(group[0].answers))]
        chosen, rejected = sides[0], sides[-1]
        match config.method:
            case "dpo":
                losses = maths.dpo_losses(chosen.logratio, rejected.logratio, beta, config.label_smoothing)
            case "ipo":
                losses = maths.ipo_losses(chosen.logratio, rejected.logratio, chosen.tokens, rejected.tokens, beta)
            case "orpo":
                losses = maths.orpo_losses(chosen.mean, rejected.mean, beta)
            case "simpo":
                losses = maths.simpo_losses(chosen.mean, rejected.mean, beta, config.margin, config.label_smoothing)
            case "kto":
                good = torch.tensor([example.good for example in group], device=self.policy.device)
                losses = maths.kto_losses(chosen.logratio, good, point, beta)
                return losses, {"accuracy": ((chosen.logratio > point) == good).float()}
            case "chosen":
                losses = -chosen.mean
        if config.chosen_weight:
            losses = losses - config.chosen_weight * chosen.mean
        better = chosen.logratio - rejected.logratio if self._nature.needs_reference else chosen.mean - rejected.mean
        return losses, {"accuracy": (better > 0).float(), "margin": better, "chosen_logprob": chosen.mean}

    def _see(self, group: Sequence[Example], side: int) -> Seen:
        """Evaluate one answer of each example under the policy and, if needed, the reference."""
        policy = self.policy
        source, source_mask = (tensor.to(policy.device) for tensor in padded([e.prompt for e in group], policy.pad))
        tokens, mask = _answers([example.answers[side] for example in group], policy)
        encoded = states_of(policy, [example.prompt for example in group], source, source_mask)
        logprobs = policy.evaluate_tokens(encoded, source_mask, tokens, mask, with_entropy=False).logprobs
        whole = maths.answer_logprobs(logprobs, mask)
        logratio = torch.zeros_like(whole)
        if self._nature.needs_reference:
            with torch.no_grad():
                original = policy.encode(source, source_mask, "reference") if policy.trains_encoder else encoded
                reference = policy.reference_logprobs(original, source_mask, tokens, mask)
            logratio = whole - maths.answer_logprobs(reference, mask)
        return Seen(whole, maths.token_logprobs(logprobs, mask), logratio, mask.sum(dim=1))

    @torch.no_grad()
    def _reference_point(self, batch: Sequence[Example]) -> torch.Tensor:
        """Return KTO's reference point, from mismatched prompts and answers; 0 if there is only one prompt."""
        strange = mismatched(batch) if self._config.method == "kto" else []
        if not strange:
            return torch.zeros((), device=self.policy.device)
        groups = _groups(strange, self._config.micro_batch_size)
        return maths.kto_reference_point(torch.cat([self._see(group, 0).logratio for group in groups]))

    def _on_held_out(self) -> dict[str, float]:
        """Return mean loss and accuracy on the held-out examples."""
        held_out = self._held_out
        if not held_out:
            return {}
        point = self._reference_point(held_out)
        totals = {"loss": 0.0, "accuracy": 0.0}
        for group in _groups(held_out, self._config.micro_batch_size):
            losses, figures = self._losses(group, point)
            weights = _weights(group, self.policy)
            for name, values in (("loss", losses), ("accuracy", figures["accuracy"])):
                totals[name] += float((values * weights).sum())
        weight = sum(example.weight for example in held_out)
        return {name: total / weight for name, total in totals.items()}

    @torch.no_grad()
    def _kl(self) -> float:
        """Return the KL to the original, in nats per answer, on answers sampled from the policy."""
        config = self._config
        noise = sampling_noise(config.seed, 0, range(len(self._prompts)), config.max_new_tokens)
        drawn = collect(self.policy, self._prompts, noise, config.micro_batch_size)
        return float(((drawn.logprobs - drawn.reference_logprobs) * drawn.mask).sum(dim=1).mean())

    def _rate(self) -> float:
        """Return the learning rate of the next update."""
        rise = max(1, round(self._config.warmup_share * self.most_steps))
        share = share_of_rate(self._config.lr_schedule, self.steps, self.most_steps, rise)
        return self._config.learning_rate * share

    def _apply(self, rate: float) -> float:
        """Perform an optimizer step. Return the gradient norm before clipping."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        norm = float(torch.nn.utils.clip_grad_norm_(self._parameters, self._config.max_gradient_norm))
        if math.isfinite(norm):
            self._optimizer.step()
        self._optimizer.zero_grad()
        return norm


def _groups(batch: Sequence[Example], size: int) -> list[list[Example]]:
    """Split a batch into micro-batches of prompts of similar length."""
    return [[batch[row] for row in rows] for rows in buckets([len(one.prompt.ids) for one in batch], size)]


def _weights(group: Sequence[Example], policy: Policy) -> torch.Tensor:
    return torch.tensor([example.weight for example in group], device=policy.device)


def _answers(answers: Sequence[Sequence[int]], policy: Policy) -> tuple[torch.Tensor, torch.Tensor]:
    """Return tokens (answers, longest) and their mask."""
    length = max(map(len, answers))
    tokens = torch.full((len(answers), length), policy.pad, device=policy.device)
    mask = torch.zeros_like(tokens, dtype=torch.bool)
    for row, ids in enumerate(answers):
        tokens[row, : len(ids)] = torch.tensor(ids, device=policy.device)
        mask[row, : len(ids)] = True
    return tokens, mask


def _check(config: PreferConfig) -> None:
    if config.label_smoothing >= 0.5:
        raise UsageError("label_smoothing must be below 0.5")
    if config.label_smoothing and not NATURES[config.method].takes_smoothing:
        raise UsageError(f"{config.method} takes no label_smoothing; dpo and simpo do")
    if config.chosen_weight and config.method in ("orpo", "kto", "chosen"):
        raise UsageError(f"{config.method} takes no chosen_weight; dpo, ipo and simpo do")
