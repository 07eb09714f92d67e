"""Reads preferences for training a reward, from the store or from files, and splits them by conversation.

`assistant.feedback.pairs` turns rankings, pairs and thumbs into pairs, with its rules for ties, contradictions and
several raters.
"""

import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from assistant.dialogue import parse, render_turns
from assistant.errors import DataMissing, UsageError
from assistant.feedback.agreement import FeedbackStats, self_agreement, share_of, stats_of
from assistant.feedback.marks import Mark
from assistant.feedback.pairs import labels_from, pairs_from
from assistant.feedback.sharing.lines import IMPORTED, read_line
from assistant.feedback.store import Store
from assistant.locations import store_file
from assistant.prompts import conversation_in, render
from assistant.records import Completion, PreferencePair, Prompt, Ranking, Rating
from training.runs.data.conversations import conversation_key
from training.runs.data.datasets import read_rows

CONSTITUTION = "constitution"
"""The rater name of all judgements by principles."""
MIN_PAIRS = 8
MIN_CONVERSATIONS = 4
_SINGLE_WEIGHT = 0.5
"""Weight of an answer rated by itself, relative to a pair: it is compared with the average answer, not with another."""
_STEADY, _ASKED = 3.0, 4.0
"""Prior of a rater's self-agreement: 3 of 4 repeated comparisons decided alike."""


class Judged(NamedTuple):
    """Judgements and the answers they refer to."""

    rankings: Sequence[Ranking]
    ratings: Sequence[Rating]
    completions: Sequence[Completion]
    marks: Sequence[Mark] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """A preferred and a rejected answer about a conversation. `weight` includes the confidence and the rater's weight;
    `sources` are the ids of the judgements.
    """

    conversation: str
    chosen: str
    rejected: str
    weight: float = 1.0
    sources: tuple[str, ...] = ()

    @property
    def cluster(self) -> str:
        """A name of the conversation, the same for all its pairs."""
        return cluster_of(self.conversation)


@dataclass(frozen=True, slots=True)
class Single:
    """An answer rated good or bad by itself that belongs to no pair."""

    conversation: str
    answer: str
    good: bool
    weight: float
    source: str

    @property
    def cluster(self) -> str:
        """A name of the conversation, as in `Pair`."""
        return cluster_of(self.conversation)


@dataclass(frozen=True, slots=True)
class Preferences:
    """Pairs, single answers, and the report on them."""

    pairs: tuple[Pair, ...]
    singles: tuple[Single, ...]
    report: dict[str, Any]

    def digest(self) -> str:
        """Return the SHA-256 of the content, independent of order."""
        content = sorted(msgspec.json.encode(item).decode() for item in (*self.pairs, *self.singles))
        return hashlib.sha256("\n".join(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Parts:
    """The pairs by purpose. No conversation is in two parts."""

    train: tuple[Pair, ...]
    dev: tuple[Pair, ...]
    judge: tuple[Pair, ...]
    singles: tuple[Single, ...]
    """The singles of the training part."""


def read_preferences(files: Sequence[Path], constitution: bool = False) -> Preferences:
    """Read preferences from the files or, without files, from the store. `constitution` includes judgements by
    principles. Raises DataMissing, UsageError.
    """
    return preferences_of(read_judged(files) if files else _from_store(), constitution)


def preferences_of(judged: Judged, constitution: bool = False) -> Preferences:
    """Turn judgements into pairs, single answers and a report. Judgements by principles are left out, and counted in
    the report, unless `constitution` is true.
    """
    rankings, ratings, completions, marks = judged
    left_out = 0
    if not constitution:
        made = [one for one in (*rankings, *ratings) if one.rater == CONSTITUTION and not one.ended]
        left_out = len(made)
        rankings = [ranking for ranking in rankings if ranking.rater != CONSTITUTION]
        ratings = [rating for rating in ratings if rating.rater != CONSTITUTION]
    steady = rater_weights(rankings, completions)
    rankings = [_weighed(ranking, steady) for ranking in rankings]
    ratings = [_weighed(rating, steady) for rating in ratings]
    marks = [_weighed(mark, steady) for mark in marks]
    found, unpaired = pairs_from(rankings, ratings, completions, marks)
    pairs = tuple(
        Pair(conversation_in(pair.prompt), pair.chosen, pair.rejected, pair.weight, pair.sources) for pair in found
    )
    in_pairs = {source for pair in found for source in pair.sources}
    singles = tuple(
        Single(
            conversation_in(label.prompt),
            label.completion,
            label.label,
            _SINGLE_WEIGHT * steady.get(label.rater, 1.0),
            label.source,
        )
        for label in labels_from(rankings, ratings, completions)
        if label.source not in in_pairs
        or any(one.why == "both failed" and label.source in one.sources for one in unpaired)
    )
    stats = stats_of(rankings, ratings, completions, marks)
    report = _report(pairs, singles, stats, steady) | {"constitution_left_out": left_out}
    return Preferences(pairs, singles, report)


def of_pairs(pairs: Sequence[PreferencePair]) -> Preferences:
    """Return the preferences for existing pairs."""
    own = tuple(Pair(conversation_in(one.prompt), one.chosen, one.rejected, one.weight, one.sources) for one in pairs)
    raters = Counter(rater for one in pairs for rater in one.raters)
    return Preferences(own, (), {"pairs": len(own), "unpaired": {}, "raters": dict(raters)})


def as_asked(pair: PreferencePair) -> PreferencePair:
    """Return the pair with a prompt as in serving. The prompt of a pair of digests is the bare conversation; it becomes
    the default prompt for a summary.
    """
    if pair.compares == "answers":
        return pair
    prompt = render(pair.prompt, budget=sys.maxsize, count_tokens=lambda _: 0)
    return msgspec.structs.replace(pair, prompt=prompt.text)


def rater_weights(rankings: Sequence[Ranking], completions: Iterable[Completion]) -> dict[str, float]:
    """Return each rater's weight by self-agreement: 2 (2 s - 1), limited to 0.1 to 1, where s is the share of repeated
    comparisons decided alike, smoothed towards 3/4.

    A rater who decides by chance repeats half of the decisions and counts almost nothing. Raters without repeated
    comparisons are left out, and count fully.
    """
    known = list(completions)
    found: dict[str, float] = {}
    for rater in {ranking.rater for ranking in rankings}:
        share = self_agreement([ranking for ranking in rankings if ranking.rater == rater], known)
        if share.n and share.value is not None:
            steady = (share.value * share.n + _STEADY) / (share.n + _ASKED)
            found[rater] = min(1.0, max(0.1, (2 * steady - 1) * 2))
    return found


def split(preferences: Preferences, judge_share: float, dev_share: float, seed: int) -> Parts:
    """Split by conversation. A conversation's part depends only on its text and the seed, so that conversations
    reserved for the judge stay reserved when more ratings arrive.
    """

    def part_of(cluster: str) -> str:
        place = int(hashlib.sha256(f"{seed}{cluster}".encode()).hexdigest()[:8], 16) / 2**32
        return "judge" if place < judge_share else "dev" if place < judge_share + dev_share else "train"

    by_part: dict[str, list[Pair]] = {"train": [], "dev": [], "judge": []}
    for pair in preferences.pairs:
        by_part[part_of(pair.cluster)].append(pair)
    singles = tuple(single for single in preferences.singles if part_of(single.cluster) == "train")
    return Parts(tuple(by_part["train"]), tuple(by_part["dev"]), tuple(by_part["judge"]), singles)


def check_enough(preferences: Preferences) -> None:
    """Raise DataMissing, which says how many pairs are needed and why, if there are too few."""
    pairs = preferences.pairs
    conversations = len({pair.cluster for pair in pairs})
    if len(pairs) >= MIN_PAIRS and conversations >= MIN_CONVERSATIONS:
        return
    made_none = ", ".join(f"{count} {why}" for why, count in preferences.report["unpaired"].items())
    raise DataMissing(
        f"{_count(len(pairs), 'pair')} from {_count(conversations, 'conversation')}; a reward needs {MIN_PAIRS} from "
        f"{MIN_CONVERSATIONS}: with fewer, a coin would often look as good. Rank drafts, or rate two answers to one "
        "conversation up and down" + (f" (made no pair: {made_none})" if made_none else "")
    )


def cluster_of(conversation: str) -> str:
    """Return a short name for a conversation, the same for all its variants in case and whitespace."""
    return hashlib.sha256(conversation_key(conversation).encode()).hexdigest()[:16]


def _from_store() -> Judged:
    if not store_file().is_file():
        return Judged([], [], [])
    with Store.open(read_only=True) as store, store.database.one_moment():
        return Judged(*store.judged(), store.judgements.marks())


def read_judged(files: Sequence[Path]) -> Judged:
    """Read judgements, and the answers they refer to, from files. Raises DataMissing if there are none, and UsageError
    that names an invalid row.
    """
    rankings: list[Ranking] = []
    ratings: list[Rating] = []
    marks: list[Mark] = []
    answers: dict[str, Completion] = {}
    for path in files:
        for number, row in enumerate(read_rows(path), start=1):
            try:
                contents = read_line(msgspec.json.encode(row), IMPORTED, _default_prompt)
            except UsageError as error:
                raise UsageError(f"{path}, row {number}: {error}") from error
            answers |= {content.id: content for content in contents if isinstance(content, Completion)}
            rankings += [content for content in contents if isinstance(content, Ranking)]
            ratings += [content for content in contents if isinstance(content, Rating)]
            marks += [content for content in contents if isinstance(content, Mark)]
    if not rankings and not ratings and not marks:
        raise DataMissing(
            "the data has no ratings: each line needs {prompt or dialogue, chosen, rejected}, or a ranking"
        )
    return Judged(rankings, ratings, list(answers.values()), marks)


def _default_prompt(text: str) -> Prompt:
    return render(render_turns(parse(text)), budget=sys.maxsize, count_tokens=lambda _: 0)


def _weighed(judgement: Any, steady: dict[str, float]) -> Any:
    factor = steady.get(judgement.rater, 1.0)
    return msgspec.structs.replace(judgement, weight=judgement.weight * factor) if factor < 1 else judgement


def _report(
    pairs: Sequence[Pair], singles: Sequence[Single], stats: FeedbackStats, steady: dict[str, float]
) -> dict[str, Any]:
    """Describe the data. `longer_chosen` leaves out pairs with answers of equal length."""
    sizes = Counter(pair.cluster for pair in pairs)
    return {
        "pairs": len(pairs),
        "point_pairs": stats.point_pairs,
        "conversations": len(sizes),
        "weight": round(sum(pair.weight for pair in pairs), 3),
        "singles": len(singles),
        "unpaired": stats.unpaired,
        "raters": stats.raters,
        "rater_weights": {name: round(weight, 3) for name, weight in sorted(steady.items())},
        "self_agreement": msgspec.to_builtins(stats.self_agreement),
        "alpha": stats.alpha,
        "compared": stats.compared,
        "longer_chosen": msgspec.to_builtins(
            share_of(
                sum(len(pair.chosen.split()) > len(pair.rejected.split()) for pair in pairs),
                sum(len(pair.chosen.split()) != len(pair.rejected.split()) for pair in pairs),
            )
        ),
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
