"""Trains the two reward models of a run on different conversations: one for PPO, one that only judges."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from assistant.errors import Interrupted, ModelDamaged
from assistant.prompts import conversation_in
from assistant.records import PreferencePair
from assistant.scoring.heads import Reward, Toxicity, load_head
from training.reward.config import RewardConfig
from training.reward.parts import RewardParts, built_in, parse_terms
from training.reward.preferences import Pair, Preferences
from training.reward.stage import train_reward
from training.rlhf.config import RlhfConfig
from training.rlhf.ratings import Part, Rated
from training.runs.job import Job
from training.runs.run import Run


class RewardFound(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a reward or a judge on the held-out pairs.

    `lower_bound` is the lower of the bounds of `ci` and of Wilson's interval. `pairs` counts the training pairs, `n`
    the held-out ones. The baselines are the accuracies of simpler rules. Figures that do not exist are unset.
    """

    accuracy: float
    length_baseline: float
    n: int
    ci: tuple[float, float]
    lower_bound: float
    pairs: int
    method: str
    similarity_baseline: float | UnsetType = UNSET
    coverage_baseline: float | UnsetType = UNSET
    warm_baseline: float | UnsetType = UNSET
    calibration_error: float | UnsetType = UNSET
    curve: dict[str, Any] | UnsetType = UNSET


class Judges:
    """Trains the reward and the judge, and scores with them."""

    def __init__(self, outer: Run, rated: Rated, config: RlhfConfig, job: Job[RlhfConfig]) -> None:
        self._outer, self._folder, self._rated, self._config, self._job = outer, outer.folder, rated, config, job

    def train_reward(self) -> RewardFound:
        """Train the reward and measure it on the held-out pairs."""
        return self._train("reward")

    def train_judge(self) -> RewardFound:
        """Train the judge on the pairs of the part `judge` and measure it on the held-out pairs."""
        return self._train("judge")

    def preference(self, prompts: Sequence[str], texts: Sequence[str]) -> list[float]:
        """Return the reward's score of each answer."""
        return self._reward.score(_about(prompts, texts))

    def judge(self, prompts: Sequence[str], texts: Sequence[str]) -> list[float]:
        """Return the judge's score of each answer."""
        return self._judge.score(_about(prompts, texts))

    def terms(self, spread: float, price: float = 0.0) -> tuple[str, ...]:
        """Return the terms of PPO's reward, as `WEIGHT*NAME`.

        The learned reward is divided by `spread`, its standard deviation over the current model's answers, so that its
        weight relative to the other parts and the KL does not depend on its scale. `price`, what it pays per word, is
        subtracted.
        """
        config = self._config
        weights = {
            "preference": config.preference_weight / spread,
            "words": -config.preference_weight * price / spread + 0.0,
            "unsupported": -config.support_weight,
            "repetition": -config.repetition_weight,
            "doubt": -config.doubt_weight / spread,
            "coverage": config.coverage_weight,
            "roles": config.roles_weight,
            "length": config.length_weight,
            "harm": -config.harm_weight if self.toxicity else 0.0,
        }
        return tuple(f"{weight:.6g}*{part}" for part, weight in weights.items() if weight or part in _ALWAYS)

    def reward_parts(self, prompts: Sequence[str], texts: Sequence[str]) -> RewardParts:
        """Return each part of the reward for each answer, unweighted."""
        parts = self._counted(prompts, texts)
        parts["preference"] = self.preference(prompts, texts)
        parts["words"] = [float(len(text.split())) for text in texts]
        if self._config.doubt_weight:
            parts["doubt"] = self._reward.doubt(_about(prompts, texts))
        if self._config.harm_weight and self.toxicity:
            parts["harm"] = self.toxicity.score(texts)
        return parts

    @cached_property
    def toxicity(self) -> Toxicity | None:
        """The toxicity head, or None if this installation has none."""
        try:
            return Toxicity(self._threads)
        except ModelDamaged:
            return None

    @cached_property
    def _reward(self) -> Reward:
        return load_head(str(self._folder / "reward"), self._threads)

    @cached_property
    def _judge(self) -> Reward:
        return load_head(str(self._folder / "judge"), self._threads)

    @property
    def _threads(self) -> int:
        # One thread gives the same scores for any number of cores, so that a resumed run repeats them.
        return 1

    def _counted(self, prompts: Sequence[str], texts: Sequence[str]) -> RewardParts:
        config = self._config
        weights = {
            "unsupported": config.support_weight,
            "repetition": config.repetition_weight,
            "coverage": config.coverage_weight,
            "roles": config.roles_weight,
            f"length:{config.length_words}": config.length_weight,
        }
        named = [part for part, weight in weights.items() if weight]
        sources = [conversation_in(prompt) for prompt in prompts]
        return built_in(parse_terms(named))(sources, texts) if named else {}

    def _train(self, part: Part) -> RewardFound:
        """Train on a part in a nested run. Resumes the nested run if there is one."""
        config = self._config
        chosen = RewardConfig(
            method=config.reward_method,
            warm_start="warm" if config.warm_start else "none",
            judge_share=0.0,
            dev_share=0.0,
            curve=part == "reward",
            seed=config.seed,
        )
        own = _preferences(self._rated.parts[part], self._rated.unpaired)
        root = self._folder / f"{part}-runs"
        run = (
            Run.resume("reward", None, chosen, [], root=root)
            if any(root.glob("reward-*/manifest.json"))
            else Run.start("reward", chosen, [], chosen.seed, root=root)
        )
        try:
            held_out = _pairs(self._rated.parts["dev"])
            with self._job.following(run):
                made = train_reward(chosen, own, run, self._folder / part, held_out, self._job.stop)
        except Interrupted:
            self._job.check_stop(self._outer)
            raise
        finally:
            run.close()
        figures = made.figures
        found = {
            **figures,
            "ci": figures["accuracy_ci"],
            "lower_bound": min(figures["accuracy_ci"][0], _wilson_low(figures["accuracy"], figures["n"])),
            "pairs": len(own.pairs),
        }
        return msgspec.convert(found, RewardFound)


_ALWAYS = {"words"}
"""Parts to name even with weight 0, because a part that no term names gets weight 1."""


def unpaid(price: float, reward: RewardFound, share: float) -> float:
    """Return the part of the price of a word to remove from PPO's reward, 0 or negative.

    Only a reward that favours fewer words is corrected. The part removed is `share` times the fraction of the reward's
    accuracy above chance, at its lower bound, that length alone does not explain; at most the whole price. If length
    may explain all of it, nothing is removed, because people may mean it.
    """
    known, by_length = reward.lower_bound - 0.5, max(0.0, reward.length_baseline - 0.5)
    return min(0.0, price) * min(1.0, share * max(0.0, 1.0 - by_length / known)) if known > 0 else 0.0


def _wilson_low(share: float, n: int, z: float = 1.96) -> float:
    """Return the lower bound of Wilson's interval (1927). With few conversations, the bootstrap is too narrow."""
    center = share + z * z / (2 * n)
    return (center - z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))) / (1 + z * z / n)


def _about(prompts: Sequence[str], texts: Sequence[str]) -> list[tuple[str, str]]:
    return [(conversation_in(prompt), text) for prompt, text in zip(prompts, texts, strict=True)]


def _pairs(found: Sequence[PreferencePair]) -> tuple[Pair, ...]:
    return tuple(
        Pair(conversation_in(pair.prompt), pair.chosen, pair.rejected, pair.weight, pair.sources) for pair in found
    )


def _preferences(found: Sequence[PreferencePair], unpaired: dict[str, int]) -> Preferences:
    return Preferences(_pairs(found), (), {"unpaired": unpaired})
