"""Scores drafts before anybody rates them: which one the reward predicts to be preferred, and what is wrong with each.
Torch-free; independent of screen and store.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.scoring import surface
from assistant.scoring.faithfulness.support import Evidence, unsupported
from assistant.scoring.heads import WARM, Reward, default_reward, find_reward, load_head


@dataclass(frozen=True, slots=True)
class DraftScore:
    """The score of a draft. `favourite` is the probability that people like it best of all the drafts (they sum to 1);
    `unsupported` are its names and numbers that are not in the conversation; `roles`, from -1 to 1, is above 0 if the
    people named did what the text says and below 0 if others did; `repetition` is a share, `words` a count.
    """

    score: float
    favourite: float
    unsupported: tuple[str, ...]
    roles: float
    repetition: float
    words: int


class DraftJudge:
    """Scores drafts with a reward. The first call of a reward with an encoder takes a second or two: keep it off the UI
    thread.
    """

    def __init__(self, reward: Reward) -> None:
        self.ref = WARM if reward.folder == find_reward(WARM) else reward.facts.ref
        """The reward's name, as in "scored by r3"."""
        self._reward = reward

    def judge(self, conversation: str, drafts: Sequence[str]) -> list[DraftScore]:
        """Return a score for each draft, in order, empty ones included."""
        scores = self._reward.score([(conversation, draft) for draft in drafts])
        evidence = Evidence.of(conversation)
        return [
            DraftScore(
                score=score,
                favourite=chance,
                unsupported=tuple(dict.fromkeys(mention.text for mention in unsupported(draft, evidence))),
                roles=self._reward.roles.fit(conversation, draft),
                repetition=surface.repetition(draft),
                words=len(surface.words(draft)),
            )
            for draft, score, chance in zip(drafts, scores, favourites(scores), strict=True)
        ]


def open_judge(ref: str = "", threads: int = 1) -> DraftJudge:
    """Open the reward of that name; by default the newest trained here, else the bundled one.

    Raises ModelMissing for an unknown name, ModelDamaged for invalid files.
    """
    return DraftJudge(load_head(ref or default_reward(), threads))


def favourites(scores: Sequence[float]) -> list[float]:
    """Return the probability that each is chosen from all, by Luce's choice axiom (1959). For two it equals the
    logistic function of their difference, for which the scores are calibrated.
    """
    top = max(scores, default=0.0)
    shares = [math.exp(score - top) for score in scores]
    return [share / sum(shares) for share in shares]
