"""One PPO step, and the state that a checkpoint saves.

Deviations from Ziegler et al. 2019 and Schulman et al. 2017:

1. A response depends only on the seed, the step and its number (rollouts.py), so that a run that is resumed or spread
   over processes gives the same result.
2. Mini-batches keep their members over the epochs of a step; only their order changes. The updates are therefore the
   same for any number of processes.
3. The value head starts with zero weights and the mean return of the first responses as its bias, so that it adds no
   noise.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from assistant.errors import UsageError
from assistant.locations import ensure_dir
from training.ppo.config import PpoConfig
from training.ppo.experience import (
    Credit,
    Experience,
    experience_from,
    experience_of_groups,
    fit_of_values,
    rollout_metrics,
    with_missing_eos,
)
from training.ppo.guards import Guards
from training.ppo.maths import masked_mean, next_kl_coefficient
from training.ppo.policy import LoraShape, Policy, load_policy
from training.ppo.prompts import part_held_out, read_prompts
from training.ppo.rollouts import Rollout, collect, respond, rows_of_step, sampling_noise
from training.ppo.samples import Sample, chosen_samples
from training.ppo.updates import Learner, copy_parameters, restore_parameters
from training.reward.parts import RewardFunction, built_in, parse_terms, weighted
from training.reward.provenance import fingerprint
from training.runs.distributed import Ranks
from training.runs.run import Run

Answers = Callable[[Policy, Sequence[str]], Sequence[str]]
"""(policy, prompts) -> the policy's answer to each."""
Judge = Callable[[Sequence[str], Sequence[str]], Sequence[float]]
"""(prompts, responses) -> one score per response; higher is better. Should differ from the reward."""
Spare = Callable[[Sequence[str], Sequence[str]], float]
"""(prompts, responses) -> how far a policy with these responses is above its limit; below 0 it cannot be selected.
Called at every evaluation."""


def _nothing_to_lose(prompts: Sequence[str], responses: Sequence[str]) -> float:
    return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PpoInputs:
    """The input of PPO.

    `data` and `dev` are files of prompts. `reward` replaces the configured reward. `judge` scores held-out responses,
    by default with the reward, and `answers` generates them, by default greedily. `spare` can veto a policy.
    """

    config: PpoConfig
    model: Path
    data: Sequence[Path]
    adapter: Path | None = None
    dev: Path | None = None
    reward: RewardFunction | None = None
    judge: Judge | None = None
    spare: Spare = _nothing_to_lose
    answers: Answers | None = None


class Trainer:
    """Performs training steps and evaluations, and saves and restores their state."""

    def __init__(self, inputs: PpoInputs, ranks: Ranks) -> None:
        config, reward = inputs.config, inputs.reward
        _check(config, ranks)
        self._config = config
        self._ranks = ranks
        self._terms = parse_terms(config.reward)
        self._reward = reward or built_in(self._terms)
        # A caller that passes a reward must check for itself that it does not change.
        self._reward_hash = "" if reward else fingerprint(self._terms)
        self._judge = inputs.judge or self._reward_as_judge
        self._spare = inputs.spare
        self._answers = inputs.answers
        self.policy = _policy(config, inputs.model, inputs.adapter)
        prompts, self.left_out = read_prompts(inputs.data, self.policy, config.window)
        self._origin = self.policy.fingerprint()
        self._start = copy_parameters(self.policy)
        self._prompts, self._held_out = part_held_out(prompts, inputs.dev, self.policy, config)
        self._guards = Guards(config.guards)
        self._learner = Learner(config, self.policy, self._guards, ranks)
        self._kl_coefficient = config.kl_coefficient
        self._best: dict[str, float] = {}
        self._judged: dict[str, float] = {}
        self._kl = self._mean_kl = 0.0
        self._mean = copy_parameters(self.policy) if config.average else {}
        self.steps = 0
        self.seconds = 0.0

    def step(self) -> tuple[dict[str, float], list[Sample]]:
        """Sample a batch of responses and update on it. Return the step's metrics and some of its responses."""
        config, number = self._config, self.steps + 1
        clock = time.monotonic()
        rollout = self._roll_out()
        sampled = time.monotonic()
        parts = self._reward(rollout.prompts, rollout.responses)
        parts = with_missing_eos(parts, rollout.ended.tolist(), config.missing_eos_penalty)
        scores = torch.tensor(weighted(parts, self._terms, len(rollout.prompts)), device=self.policy.device)
        metrics = rollout_metrics(rollout, parts, scores, self._kl_coefficient, self._ranks)
        self._guards.check_rollout(number, metrics)
        scored = time.monotonic()
        if config.method == "ppo":
            if self.steps == 0:
                self._start_values(rollout, scores)
            experience = self._experience(rollout, scores, config.trace)
            metrics["val/explained_variance"] = fit_of_values(rollout, experience, self._ranks)
        else:
            experience = experience_of_groups(rollout, scores, config.method, config.samples, self._kl_coefficient)
        metrics |= self._learner.update(number, rollout, experience)
        self._guards.check_numbers(number, metrics)
        self._kl = metrics["objective/kl"]
        if config.kl_target:
            self._kl_coefficient = next_kl_coefficient(
                self._kl_coefficient, self._kl, config.kl_target, config.batch_size, config.kl_horizon
            )
        self._follow()
        self.steps = number
        metrics["time/rollout"], metrics["time/scoring"] = sampled - clock, scored - sampled
        metrics["time/updates"] = time.monotonic() - scored
        return metrics, chosen_samples(rollout, scores)

    def judge(self, run: Run | None) -> None:
        """Judge the policy's answers to held-out prompts. Save the policy if it is the best so far within limits."""
        if run is None or not self._held_out:
            return
        config = self._config
        kl = self._kl_of_kept
        with self._kept_policy():
            texts = [prompt.text for prompt in self._held_out]
            responses = self._answers(self.policy, texts) if self._answers else self._greedy()
            verdicts = list(self._judge(texts, responses))
            spare = self._spare(texts, responses)
            score = sum(verdicts) / len(verdicts)
            self._judged = {"dev_judge": score}
            told = {"dev_kl": kl, "dev_spare": spare, "may_keep": int(spare >= 0)}
            run.log(self.steps, **self._judged, **told)
            if spare >= 0 and kl <= config.best_max_kl and score > self._best.get("judge", float("-inf")):
                self._best = {"judge": score, "step": float(self.steps), "kl": kl}
                run.save(self.steps, {"trained": copy_parameters(self.policy)}, "best")

    def save(self, run: Run | None) -> None:
        """Write a checkpoint, unless a metric exceeds its limit: then the previous one is the last good checkpoint."""
        if run is not None and self._guards.is_calm:
            run.save(self.steps, self.tree())

    def tree(self) -> dict[str, Any]:
        """Return the state for a checkpoint. Prompts, noise and order follow from seed and step."""
        return {
            "origin": self._origin,
            "reward": self._reward_hash,
            "trained": copy_parameters(self.policy),
            "optimizer": self._learner.optimizer.state_dict(),
            "kl_coefficient": self._kl_coefficient,
            "kl": self._kl,
            "mean": self._mean,
            "mean_kl": self._mean_kl,
            "guards": self._guards.state(),
            "best": self._best,
            "judged": self._judged,
            "seconds": self.seconds,
        }

    def restore(self, steps: int, tree: dict[str, Any]) -> None:
        """Restore a checkpoint. Raises UsageError if model, adapter or reward changed since it was written."""
        if tree["origin"] != self._origin:
            raise UsageError("the model or its adapter changed since the run was started; start a new run")
        if tree.get("reward", self._reward_hash) != self._reward_hash:
            raise UsageError("the learned reward changed since the run was started; start a new run")
        restore_parameters(self.policy, tree["trained"])
        self._learner.optimizer.load_state_dict(tree["optimizer"])
        self._kl_coefficient, self._kl = tree["kl_coefficient"], tree["kl"]
        self._mean, self._mean_kl = dict(tree.get("mean", {})), tree.get("mean_kl", 0.0)
        self._guards.restore(tree["guards"])
        self._best, self._judged = dict(tree["best"]), dict(tree["judged"])
        self.steps, self.seconds = steps, tree["seconds"]

    def figures(self, metrics: dict[str, float]) -> dict[str, float]:
        """Return the figures for the progress display."""
        return {
            "step": float(self.steps),
            "fraction": self.steps / self._config.max_steps,
            "seconds": self.seconds,
            "score": metrics["objective/scores"],
            "kl": metrics["objective/kl"],
            "length": metrics["response/length"],
            "distinct": metrics["response/distinct"],
            **self._judged,
        }

    def finish(self, run: Run | None, out: Path) -> dict[str, float]:
        """Write the best policy. If none was selected, write the last one, or the untrained one if the last one's KL is
        too high. Return the run's final figures.
        """
        if run is None:
            return {}
        kept = run.load("best") if self._best else None
        if kept is None and self._kl_of_kept > self._config.best_max_kl:
            kept = (0, {"trained": self._start})
        if kept or self._mean:
            restore_parameters(self.policy, kept[1]["trained"] if kept else self._mean)
        self.policy.save(ensure_dir(out), with_values=self._config.method == "ppo")
        return {
            "steps": float(self.steps),
            "kept_step": float(kept[0] if kept else self.steps),
            "kl": self._kl,
            "left_out": float(self.left_out),
            "trained_parameters": float(sum(value.numel() for value in self.policy.trainable().values())),
            **{f"best_{name}": value for name, value in self._best.items() if name != "step"},
            **self._judged,
        }

    def rescue(self, run: Run | None) -> str:
        """Write the adapter of the last good checkpoint into the run's folder. Return step and folder for a message."""
        saved = run.load() if run else None
        if run is None or saved is None:
            return ""
        restore_parameters(self.policy, saved[1]["trained"])
        folder = ensure_dir(run.folder / "last_good")
        self.policy.save(folder)
        return f" (step {saved[0]}: {folder})"

    @torch.no_grad()
    def _follow(self) -> None:
        """Update the running mean of the weights. Its KL is approximated by the same running mean of the steps' KL."""
        left = 1.0 - self._config.average
        self._mean_kl += left * (self._kl - self._mean_kl)
        for name, latest in self.policy.trainable().items() if self._mean else ():
            self._mean[name].lerp_(latest, left)

    @property
    def _kl_of_kept(self) -> float:
        """KL of the policy that would be kept now, in nats per response."""
        return self._mean_kl if self._config.average else self._kl

    @contextmanager
    def _kept_policy(self) -> Iterator[None]:
        """Use the policy that would be kept now: the running mean, if there is one."""
        if not self._mean:
            yield
            return
        latest = copy_parameters(self.policy)
        restore_parameters(self.policy, self._mean)
        try:
            yield
        finally:
            restore_parameters(self.policy, latest)

    def _roll_out(self) -> Rollout:
        config = self._config
        samples = 1 if config.method == "ppo" else config.samples
        asked = rows_of_step(len(self._prompts), self.steps, config.batch_size // samples, config.seed)
        rows = [row for row in asked for _ in range(samples)]
        mine = [
            n for n in range(config.batch_size) if n % config.mini_batch_size % self._ranks.world == self._ranks.rank
        ]
        noise = sampling_noise(config.seed, self.steps, mine, config.max_new_tokens)
        return collect(self.policy, [self._prompts[rows[n]] for n in mine], noise, config.rollout_batch_size)

    def _experience(self, rollout: Rollout, scores: torch.Tensor, trace: float) -> Experience:
        config = self._config
        credit = Credit(self._kl_coefficient, config.discount, trace, config.whiten_rewards, config.whiten_advantages)
        return experience_from(rollout, scores, credit, self._ranks)

    def _start_values(self, rollout: Rollout, scores: torch.Tensor) -> None:
        """Shift the value head's bias so that the mean value of the first responses equals their mean return."""
        returns = self._experience(rollout, scores, trace=1.0).returns
        shift = masked_mean(returns - rollout.values, rollout.mask, self._ranks.add_up)
        with torch.no_grad():
            self.policy.value_head.bias.add_(shift)
        rollout.values = (rollout.values + shift) * rollout.mask

    def _greedy(self) -> Sequence[str]:
        return respond(self.policy, self._held_out, self._config.max_new_tokens, self._config.rollout_batch_size)

    def _reward_as_judge(self, prompts: Sequence[str], responses: Sequence[str]) -> Sequence[float]:
        return weighted(self._reward(prompts, responses), self._terms, len(prompts))


def _check(config: PpoConfig, ranks: Ranks) -> None:
    if config.batch_size % config.mini_batch_size:
        raise UsageError(
            f"batch_size {config.batch_size} is not a multiple of mini_batch_size {config.mini_batch_size}"
        )
    if config.method != "ppo":
        _check_groups(config, ranks)
    if config.mini_batch_size % ranks.world:
        raise UsageError(f"mini_batch_size {config.mini_batch_size} cannot be divided among {ranks.world} processes")


def _check_groups(config: PpoConfig, ranks: Ranks) -> None:
    if config.samples < 2 or config.batch_size % config.samples:
        raise UsageError(
            f"{config.method} needs 2 samples or more, and a batch_size that is a multiple of them, not "
            f"{config.samples} and {config.batch_size}"
        )
    if config.value_adapter:
        raise UsageError(f"{config.method} has no value head: drop --value-adapter")
    if ranks.world > 1:
        raise UsageError(f"{config.method} runs in one process: start it without torchrun")


def _policy(config: PpoConfig, model: Path, adapter: Path | None) -> Policy:
    return load_policy(
        model,
        adapter,
        LoraShape(config.lora_rank, config.lora_alpha, config.lora_targets),
        trains_encoder=config.adapt == "all",
        value_adapter=config.value_adapter,
        temperature=config.temperature,
        dtype=config.dtype,
        device="cuda" if torch.cuda.is_available() else "cpu",
        seed=config.seed,
    )
