"""What can be said of several drafts before anybody rates them: which one the reward expects to be preferred, and what
is wrong with each. Torch-free; knows texts and a reward, neither screen nor store.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.scoring import surface
from assistant.scoring.faithfulness.support import Evidence, unsupported
from assistant.scoring.heads import WARM, Reward, default_reward, find_reward, load_head


@dataclass(frozen=True, slots=True)
class DraftScore:
    """One draft's judgement. `favourite` is how likely it is the one that people like best among its fellows (all of
    them add up to 1); `unsupported` are its names and numbers that the conversation lacks; `roles` is above 0 where
    the people named did it and below 0 where somebody else did, -1 to 1; `repetition` is a share, `words` a count.
    """

    score: float
    favourite: float
    unsupported: tuple[str, ...]
    roles: float
    repetition: float
    words: int


class DraftJudge:
    """A reward, ready to look at drafts. The first call of one with an encoder takes a second or two: not on a
    screen's own thread.
    """

    def __init__(self, reward: Reward) -> None:
        self.ref = WARM if reward.folder == find_reward(WARM) else reward.facts.ref
        """The reward's name, for "scored by r3"."""
        self._reward = reward

    def judge(self, conversation: str, drafts: Sequence[str]) -> list[DraftScore]:
        """One judgement a draft, in their order. An empty draft gets one, too."""
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
    """The reward of that name; without one the newest that was trained here, else the bundled one.

    Raises ModelMissing for a name that is none, ModelDamaged for files that are not what they should be.
    """
    return DraftJudge(load_head(ref or default_reward(), threads))


def favourites(scores: Sequence[float]) -> list[float]:
    """The probability that each is the one picked out of all, by Luce's choice axiom (1959): the reward's scores are
    calibrated for two, where this is the logistic of their difference.
    """
    top = max(scores, default=0.0)
    shares = [math.exp(score - top) for score in scores]
    return [share / sum(shares) for share in shares]
