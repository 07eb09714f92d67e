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
"""(prompts, responses) -> a number for each, higher is better."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and spread of a reward over the current model's own answers, so that its weights mean the same for any
    reward.
    """

    mean: float
    spread: float


def scale_of(scores: Sequence[float], name: str = "reward") -> Scale:
    """Raises TrainingStopped where the reward, or whatever `name` says, is no number, or the same for everything."""
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise TrainingStopped(f"the {name} is not finite for some answers: start a new run, with other pairs")
    if float(values.std()) < 1e-6:
        raise TrainingStopped(
            f"the {name} is the same for every answer, so nothing can be learned from it: rate answers that differ more"
        )
    return Scale(float(values.mean()), float(values.std()))


def price_of_a_word(drafts: Sequence[Sequence[str]], scores: Sequence[float]) -> float:
    """What a reward pays for a word more: the slope of its scores over the words of drafts of the same prompt."""
    counted = np.array([len(text.split()) for texts in drafts for text in texts], dtype=np.float64)
    words = counted.reshape(len(drafts), -1)
    paid = np.asarray(scores, dtype=np.float64).reshape(len(drafts), -1)
    words, paid = (table - table.mean(axis=1, keepdims=True) for table in (words, paid))
    return float((words * paid).sum() / max(1e-9, (words**2).sum()))


class Pick(msgspec.Struct, frozen=True):
    """The drafts that the reward likes best of `n`: its mean, the judge's, and the KL that choosing them costs."""

    n: int
    kl: float
    reward: float
    judge: float


class SamplesFound(msgspec.Struct, frozen=True, kw_only=True):
    """What the current model's own samples say of the reward: its scale, what it pays for a word, and the best of n."""

    mean: float
    spread: float
    price_of_a_word: float = 0.0
    best_of: list[Pick]


def sampling(config: RlhfConfig, drafts: int) -> GenerationSettings:
    """How so many drafts of a prompt are drawn: as PPO samples, without top-k and bans."""
    return GenerationSettings(
        decoding="sample",
        drafts=drafts,
        top_k=0,
        max_new_tokens=config.max_new_tokens,
        seed=config.seed,
        no_repeat_ngram=0,
    )


def samples_of(prompts: Sequence[str], drafts: Sequence[Sequence[str]], reward: Scorer, judge: Scorer) -> SamplesFound:
    """What each prompt's drafts say of the reward. Raises TrainingStopped where reward or judge tells nothing apart."""
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
    """For n = 1, 2, 4, … up to the drafts there are: reward and judge of the one that the reward likes best, and the KL
    that choosing it costs, log n - (n - 1) / n (Stiennon et al. 2020, appendix G.3).
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
