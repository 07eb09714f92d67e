"""Measures how reliable judgements are: self-agreement, agreement between raters, and length bias. Pure: knows no
store.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import groupby
from math import sqrt

from assistant.feedback.marks import Mark
from assistant.feedback.pairs import Verdict, compare_ranked, contradictory, count_reasons, decide, verdicts_from
from assistant.records import Completion, PreferencePair, Ranking, Rating, Record

_Z = 1.959964  # the normal quantile of a two-sided 95 % interval
_RECENT = 3  # rankings too recent to repeat


class Share(Record, frozen=True):
    """A share of `n` cases with its 95 % confidence interval; None if n is 0."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class FeedbackStats(Record, frozen=True):
    """What was judged, the pairs it makes, and how reliable it is.

    `completions` is the number of answers judged. `point_pairs` is the number of pairs from marks on points of digests.
    `unpaired` counts what made no pair, by reason. `self_agreement` is the share of repeated comparisons decided alike.
    `alpha` is Krippendorff's, over the `compared` comparisons that several raters made: 1 is full agreement, 0 chance,
    None undefined. `longer_chosen` is the share of pairs in which the longer answer won: 0.5 is no bias.
    """

    completions: int
    up: int
    down: int
    rankings: int
    repeats: int
    raters: dict[str, int]
    pairs: int
    point_pairs: int
    pair_weight: float
    unpaired: dict[str, int]
    self_agreement: Share
    alpha: float | None
    compared: int
    longer_chosen: Share


def share_of(hits: int, n: int) -> Share:
    """Return hits / n with the Wilson score interval (Wilson 1927), which is valid for small n and for shares of 0 and
    1.
    """
    if n == 0:
        return Share(value=None, low=None, high=None, n=0)
    value = hits / n
    centre = (value + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    reach = _Z * sqrt(value * (1 - value) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    return Share(value=value, low=max(0.0, centre - reach), high=min(1.0, centre + reach), n=n)


def self_agreement(rankings: Sequence[Ranking], completions: Iterable[Completion]) -> Share:
    """Return the share of comparisons in repeated rankings that were decided as before (better, worse or tied).

    `rankings` may include ended ones: a repeat is compared with the first ranking even if it has since been changed.
    """
    known = {completion.id: completion for completion in completions}
    by_id = {ranking.id: ranking for ranking in rankings}
    hits = n = 0
    for again in rankings:
        first = by_id.get(again.repeat_of)
        if first is None or again.ended:
            continue
        before, after = _signs(first, known), _signs(again, known)
        both = before.keys() & after.keys()
        hits += sum(before[question] == after[question] for question in both)
        n += len(both)
    return share_of(hits, n)


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Return Krippendorff's alpha for nominal values. Each unit holds the values its raters gave, without missing ones.

    alpha = 1 - observed / expected disagreement, both from the coincidence matrix (Krippendorff, Content Analysis,
    chapter 11; "Computing Krippendorff's Alpha-Reliability", 2011, part C). None, because undefined, if no unit has two
    values or all values are equal.
    """
    pairable = [list(unit) for unit in units if len(unit) > 1]
    return _alpha(pairable, Counter(value for unit in pairable for value in unit))


def agreement_between(verdicts: Iterable[Verdict]) -> tuple[float | None, int]:
    """Return Krippendorff's alpha over comparisons of two texts (better, worse, tied), and the number of those made by
    several raters.

    The order of the two texts is arbitrary, so "better" and "worse" are assumed to be equally frequent for the expected
    disagreement. A rater who contradicts themselves on a comparison gives no value there.
    """
    by_question: defaultdict[tuple[str, str, str], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_question[verdict.question].append(verdict)
    units = [_values(said) for said in by_question.values()]
    pairable = [unit for unit in units if len(unit) > 1]
    counts = Counter(value for unit in pairable for value in unit)
    half = (counts[1] + counts[-1]) / 2
    return _alpha(pairable, {1: half, -1: half, 0: counts[0]}), len(pairable)


def longer_chosen(pairs: Iterable[PreferencePair]) -> Share:
    """Return the share of pairs in which the text with more words was chosen, among pairs of different length."""
    differences = [len(pair.chosen.split()) - len(pair.rejected.split()) for pair in pairs]
    longer = sum(difference > 0 for difference in differences)
    return share_of(longer, sum(difference != 0 for difference in differences))


def due_for_repeat(rankings: Sequence[Ranking], rater: str, rng: random.Random, one_in: int = 10) -> Ranking | None:
    """With probability 1 / `one_in`, return an earlier ranking of the rater that was not repeated yet; otherwise None,
    and always for 0.

    `rankings` are those in force, newest first; the most recent ones are still remembered and are left out.
    """
    if one_in < 1 or rng.random() >= 1 / one_in:
        return None
    repeated = {ranking.repeat_of for ranking in rankings}
    own = [ranking for ranking in rankings if ranking.rater == rater and not ranking.repeat_of][_RECENT:]
    open_ones = [ranking for ranking in own if ranking.id not in repeated]
    return rng.choice(open_ones) if open_ones else None


def stats_of(
    rankings: Sequence[Ranking],
    ratings: Sequence[Rating],
    completions: Sequence[Completion],
    marks: Sequence[Mark] = (),
) -> FeedbackStats:
    """Return the statistics of these judgements. Ended ones only serve for comparison with repeats."""
    verdicts, incomparable = verdicts_from(rankings, ratings, completions, marks)
    pairs, unpaired = decide(verdicts, incomparable)
    alpha, compared = agreement_between(verdicts)
    thumbs = [rating for rating in ratings if not rating.ended]
    ranked = [ranking for ranking in rankings if not ranking.ended]
    return FeedbackStats(
        completions=len(completions),
        up=sum(rating.thumb == "up" for rating in thumbs),
        down=sum(rating.thumb == "down" for rating in thumbs),
        rankings=len(ranked),
        repeats=sum(bool(ranking.repeat_of) for ranking in ranked),
        raters=dict(sorted(Counter(judgement.rater for judgement in [*thumbs, *ranked]).items())),
        pairs=len(pairs),
        point_pairs=sum(pair.compares == "points" for pair in pairs),
        pair_weight=round(sum(pair.weight for pair in pairs), 6),
        unpaired=count_reasons(unpaired),
        self_agreement=self_agreement(rankings, completions),
        alpha=alpha,
        compared=compared,
        longer_chosen=longer_chosen(pairs),
    )


def _alpha(units: Sequence[Sequence[Hashable]], totals: Mapping[Hashable, float]) -> float | None:
    n = sum(len(unit) for unit in units)
    expected = (n**2 - sum(count**2 for count in totals.values())) / (n - 1) if n else 0.0
    if expected == 0:
        return None
    observed = sum(
        (len(unit) ** 2 - sum(count**2 for count in Counter(unit).values())) / (len(unit) - 1) for unit in units
    )
    return 1 - observed / expected


def _values(said: Iterable[Verdict]) -> list[int]:
    """Return one value per rater: 1, -1, or 0 for a tie."""
    values: list[int] = []
    for _, group in groupby(sorted(said, key=lambda verdict: verdict.rater), key=lambda verdict: verdict.rater):
        own = list(group)
        if not contradictory(own):
            values.append(_sign(sum(verdict.margin for verdict in own)))
    return values


def _signs(ranking: Ranking, known: Mapping[str, Completion]) -> dict[tuple[str, str, str], int]:
    said = compare_ranked(ranking, known)
    return {found.question: _sign(found.margin) for found in said if isinstance(found, Verdict)}


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)
