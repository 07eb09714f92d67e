"""Sentences about feedback and its figures."""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from assistant.feedback.agreement import FeedbackStats, Share
from assistant.records import Chat, Deletion, PreferencePair, Unpaired
from assistant.terminal import one_line
from assistant.tui.placing import Placing

if TYPE_CHECKING:
    from assistant.scoring.drafts import DraftScore

_REWARD = re.compile(r"r\d+")


def describe_stats(stats: FeedbackStats) -> str:
    """A table of the judgements, of the pairs that they make, and of how consistent they are."""
    lines = [
        f"answers judged     {stats.completions:,}",
        f"thumbs             {stats.up:,} up, {stats.down:,} down",
        f"rankings           {stats.rankings:,}, of them {stats.repeats:,} repeated",
        f"raters             {', '.join(f'{name} ({count:,})' for name, count in stats.raters.items()) or 'none'}",
        "",
        f"preference pairs   {stats.pairs:,}, of them {stats.point_pairs:,} by points of digests",
        *[f"  made no pair     {count:,} · {why}" for why, count in stats.unpaired.items()],
        "",
        f"self-agreement     {_share(stats.self_agreement, 'no comparison was repeated yet')}",
        f"rater agreement    {_alpha(stats)}",
        f"longer one chosen  {_share(stats.longer_chosen, 'no pairs yet')}; 50 % is no bias",
    ]
    return "\n".join(lines)


def describe_deletion(chat: Chat, takes: Deletion) -> str:
    """The chat's title, and what is deleted with it."""
    judged = takes.ratings + takes.rankings + takes.marks
    counts = ((takes.completions, "answer"), (judged, "judgement"))
    parts = [f"{count:,} {noun}{'' if count == 1 else 's'}" for count, noun in counts if count]
    parts += [f"which trained {', '.join(takes.model_versions)}"] if takes.model_versions else []
    return name_of(chat) + (f" with {' and '.join(parts)}" if parts else "")


def name_of(chat: Chat) -> str:
    """The chat's title in quotes."""
    return f"“{one_line(chat.title) or 'untitled'}”"


def describe_effect(
    pairs: Sequence[PreferencePair], unpaired: Sequence[Unpaired], sources: Collection[str], versions: Sequence[str]
) -> str:
    """The effect of judgements: the pairs that they made, those that made none and why, and the versions trained on
    them.

    `pairs` and `unpaired` are those of the whole store, `sources` the judgements' ids.
    """
    if not sources:
        return "not judged yet"
    made = [pair for pair in pairs if not set(pair.sources).isdisjoint(sources)]
    lost = [one.why for one in unpaired if not set(one.sources).isdisjoint(sources)]
    reasons = ", ".join(f"{lost.count(why)} {why}" for why in dict.fromkeys(lost))
    parts = [f"makes {len(made):,} of {len(pairs):,} {'pair' if len(pairs) == 1 else 'pairs'} in all"]
    if reasons:
        parts.append(f"no pair: {reasons}")
    parts += _learned(versions)
    return " · ".join(parts)


def _learned(versions: Sequence[str]) -> list[str]:
    """What learned from the judgements. Reward models are named r1, r2 and so on; other names are models."""
    rewards = [name for name in versions if _REWARD.fullmatch(name)]
    models = [name for name in versions if not _REWARD.fullmatch(name)]
    if not versions:
        return ["no model has learned from it yet"]
    used = [f"used in reward {', '.join(rewards)}"] if rewards else []
    return [*used, f"trained {', '.join(models)}"] if models else used


def describe_score(score: "DraftScore") -> str:
    """The probability that a draft is the best one, by the reward model, and what it says that was not said."""
    parts = [f"likely best {score.favourite * 100:.0f} %"]
    if score.unsupported:
        parts.append(f"not said: {one_line(', '.join(score.unsupported))}")
    return " · ".join(parts)


def describe_agreement(reward: str, placing: Placing | None, scores: Sequence[float]) -> str:
    """How many of the pairs decided by the user's ranking the reward model orders the same way.

    For a single answer, its score.
    """
    if len(scores) == 1:
        return f"reward {reward}: {scores[0]:+.2f}"
    decided = list(_decided(placing)) if placing else []
    same = sum(scores[better] > scores[worse] for better, worse in decided)
    return f"reward {reward} agrees in {same} of {len(decided)} pairs" if decided else f"reward {reward}"


def _decided(placing: Placing) -> Iterator[tuple[int, int]]:
    """The decided pairs as (better, worse): each rank above the later ones, and any rank above a failure."""
    for better, worse in combinations([*placing.groups, placing.failed], 2):
        yield from ((one, other) for one in better for other in worse)


def _share(share: Share, without: str) -> str:
    if share.value is None or share.low is None or share.high is None:
        return without
    return f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}] of {share.n:,}"


def _alpha(stats: FeedbackStats) -> str:
    if stats.alpha is None:
        return "needs two raters of the same answers"
    return f"alpha {stats.alpha:.2f} over {stats.compared:,} comparisons"
