"""Best-of-n sampling by the reward: the baseline that training must beat."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from assistant.errors import TrainingStopped
from assistant.records import GenerationSettings
from training.rlhf.config import RlhfConfig

Scorer = Callable[[Sequence[str], Sequence[str]], Sequence[float]]
"""(prompts, responses) -> one score per response; higher is better."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation of a reward over the current model's answers. Reward weights are given in units of
    this deviation, so that they mean the same for every reward.
    """

    mean: float
    spread: float


def scale_of(scores: Sequence[float], name: str = "reward") -> Scale:
    """Return the scale of the scores. Raises TrainingStopped, which mentions `name`, if a score is not finite or all
    scores are equal.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise TrainingStopped(f"the {name} is not finite for some answers: start a new run, with other pairs")
    if float(values.std()) < 1e-6:
        raise TrainingStopped(
            f"the {name} is the same for every answer, so nothing can be learned from it: rate answers that differ more"
        )
    return Scale(float(values.mean()), float(values.std()))


def price_of_a_word(drafts: Sequence[Sequence[str]], scores: Sequence[float]) -> float:
    """Return how much one more word raises the score: the slope of scores over word counts, within the drafts of each
    prompt. `scores` lists the drafts' scores prompt by prompt.
    """
    counted = np.array([len(text.split()) for texts in drafts for text in texts], dtype=np.float64)
    words = counted.reshape(len(drafts), -1)
    paid = np.asarray(scores, dtype=np.float64).reshape(len(drafts), -1)
    words, paid = (table - table.mean(axis=1, keepdims=True) for table in (words, paid))
    return float((words * paid).sum() / max(1e-9, (words**2).sum()))


class Pick(msgspec.Struct, frozen=True):
    """Best-of-n for one `n`: the chosen drafts' mean reward and mean judge score, and the KL of the choice in nats."""

    n: int
    kl: float
    reward: float
    judge: float


class SamplesFound(msgspec.Struct, frozen=True, kw_only=True):
    """Measurements on samples of the current model: the reward's scale, its price of a word, and best-of-n."""

    mean: float
    spread: float
    price_of_a_word: float = 0.0
    best_of: list[Pick]


def sampling(config: RlhfConfig, drafts: int) -> GenerationSettings:
    """Return settings that sample `drafts` drafts per prompt as PPO does: without top-k and n-gram bans."""
    return GenerationSettings(
        decoding="sample",
        drafts=drafts,
        top_k=0,
        max_new_tokens=config.max_new_tokens,
        seed=config.seed,
        no_repeat_ngram=0,
    )


def samples_of(prompts: Sequence[str], drafts: Sequence[Sequence[str]], reward: Scorer, judge: Scorer) -> SamplesFound:
    """Measure the reward on each prompt's drafts. Raises TrainingStopped if reward or judge scores all drafts alike, or
    a score is not finite.
    """
    flat = [prompt for prompt, texts in zip(prompts, drafts, strict=True) for _ in texts]
    written = [text for texts in drafts for text in texts]
    liked = reward(flat, written)
    scale = scale_of(liked)
    scale_of(judge(flat, written), "judge")
    return SamplesFound(
        mean=scale.mean,
        spread=scale.spread,
        price_of_a_word=price_of_a_word(drafts, liked),
        best_of=best_of(prompts, drafts, reward, judge),
    )


def best_of(prompts: Sequence[str], drafts: Sequence[Sequence[str]], reward: Scorer, judge: Scorer) -> list[Pick]:
    """For n = 1, 2, 4, … up to the number of drafts, choose the draft with the highest reward out of the first n. The
    choice has a KL of log n - (n - 1) / n (Stiennon et al. 2020, appendix G.3).
    """
    flat = [prompt for prompt, texts in zip(prompts, drafts, strict=True) for _ in texts]
    texts = [text for row in drafts for text in row]
    rewarded = np.asarray(reward(flat, texts), dtype=np.float64).reshape(len(prompts), -1)
    judged = np.asarray(judge(flat, texts), dtype=np.float64).reshape(len(prompts), -1)
    found = []
    n = 1
    while n <= rewarded.shape[1]:
        chosen = rewarded[:, :n].argmax(axis=1)
        rows = np.arange(len(prompts))
        found.append(
            Pick(
                n,
                kl=math.log(n) - (n - 1) / n,
                reward=float(rewarded[rows, chosen].mean()),
                judge=float(judged[rows, chosen].mean()),
            )
        )
        n *= 2
    return found
