"""Turns judgements into preference pairs. Pure: the result does not depend on the order of the judgements.

1. A ranking says for any two of its answers that one is better, or that they are tied. Failed answers are below all
   others and unordered among themselves. A rater's thumbs on answers to one prompt are such a ranking of two
   groups, up above down; if the rater ranked the same two texts, only the ranking counts.
2. A ranking of k answers contains k - 1 independent comparisons and k (k - 1) / 2 pairs: each pair weighs 2 / k, times
   the rater's confidence. With confidence 0 it counts as a tie.
3. Repetition adds no weight: a rater's verdicts on the same two texts are averaged, and dropped if they contradict
   each other. The raters' averages are then summed, and the sign decides: no pair is in the result in both orders.
4. Keeping a point of a digest says that the digest is better with it than without; dropping it says the opposite.
   Each such mark is one comparison.
5. Whatever makes no pair is in the second list, with the reason.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, groupby, product
from typing import TypeVar

import msgspec

from assistant.feedback.mark_pairs import digests_compared
from assistant.feedback.marks import Mark
from assistant.records import Compared, Completion, Label, PreferencePair, Ranking, Rating, Unpaired, WhyUnpaired

AnyJudgement = TypeVar("AnyJudgement", Rating, Ranking)

LEAST_PAIRS = 40
LEAST_CONVERSATIONS = 10
"""`assistant-train rlhf` requires this many pairs from this many conversations, unless told otherwise."""

# A sum of opposite verdicts below this counts as 0: weights are sums of a few fractions.
_BALANCE = 1e-9


class Verdict(msgspec.Struct, frozen=True):
    """One verdict of one rater on two texts for one prompt, `first` < `second`.

    `margin` is above 0 if the first is better, below if the second is, and its size is the weight; 0 is a tie, and
    `why` says of which kind. `sources` are the judgements, `ids` the completions; a digest without a point has an id
    that belongs to no completion.
    """

    prompt: str
    first: str
    second: str
    margin: float
    rater: str
    sources: tuple[str, ...]
    ids: tuple[str, str]
    why: WhyUnpaired = "tie"
    compares: Compared = "answers"

    @property
    def question(self) -> tuple[str, str, str]:
        """The prompt and the two texts."""
        return self.prompt, self.first, self.second


def pairs_from(
    rankings: Iterable[Ranking],
    ratings: Iterable[Rating],
    completions: Iterable[Completion],
    marks: Iterable[Mark] = (),
) -> tuple[list[PreferencePair], list[Unpaired]]:
    """Return the pairs from the judgements in force, and everything that made none, both in a fixed order.

    `completions` are those judged; a judgement of any other is reported as "missing answer".
    """
    return decide(*verdicts_from(rankings, ratings, completions, marks))


def verdicts_from(
    rankings: Iterable[Ranking],
    ratings: Iterable[Rating],
    completions: Iterable[Completion],
    marks: Iterable[Mark] = (),
) -> tuple[list[Verdict], list[Unpaired]]:
    """Return the verdict of every judgement in force on every two texts, before they are combined, and what cannot be
    compared.
    """
    known = {completion.id: completion for completion in completions}
    by_rank = [found for ranking in _in_force(rankings) for found in compare_ranked(ranking, known)]
    ranked = {(found.rater, found.question) for found in by_rank if isinstance(found, Verdict)}
    by_thumb = [
        found
        for found in _compare_thumbs(_in_force(ratings), known)
        if isinstance(found, Unpaired) or (found.rater, found.question) not in ranked
    ]
    said = [*by_rank, *by_thumb, *_compare_marked(marks, known)]
    return [v for v in said if isinstance(v, Verdict)], [u for u in said if isinstance(u, Unpaired)]


def decide(
    verdicts: Iterable[Verdict], incomparable: Iterable[Unpaired] = ()
) -> tuple[list[PreferencePair], list[Unpaired]]:
    """Combine all verdicts on the same two texts; what is `incomparable` joins what was undecided."""
    by_question: defaultdict[tuple[str, str, str], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_question[verdict.question].append(verdict)
    pairs: list[PreferencePair] = []
    unpaired = list(incomparable)
    for _, said in sorted(by_question.items()):
        _decide_one(sorted(said, key=lambda verdict: (verdict.rater, verdict.sources)), pairs, unpaired)
    return pairs, sorted(unpaired, key=lambda one: (one.prompt, one.completions, one.why, one.sources))


def labels_from(
    rankings: Iterable[Ranking], ratings: Iterable[Rating], completions: Iterable[Completion]
) -> list[Label]:
    """Return the answers judged good or bad on their own: by thumbs, and as bad those that failed in a ranking."""
    known = {completion.id: completion for completion in completions}
    called = [(r.completion, r.thumb == "up", r.rater, r.id) for r in _in_force(ratings)]
    called += [(id, False, r.rater, r.id) for r in _in_force(rankings) for id in r.failed]
    labels = [
        Label(
            prompt=known[id].prompt,
            completion=known[id].answer,
            completion_id=id,
            label=label,
            rater=rater,
            source=source,
        )
        for id, label, rater, source in called
        if id in known
    ]
    return sorted(labels, key=lambda label: (label.prompt, label.completion, label.rater, label.source))


def count_reasons(unpaired: Iterable[Unpaired]) -> dict[str, int]:
    """Count the reasons for which judgements made no pair."""
    return dict(sorted(Counter(one.why for one in unpaired).items()))


def contradictory(verdicts: Iterable[Verdict]) -> bool:
    """Whether some verdicts prefer the first text and others the second."""
    signs = {verdict.margin > 0 for verdict in verdicts if verdict.margin}
    return len(signs) == 2


def _decide_one(said: Sequence[Verdict], pairs: list[PreferencePair], unpaired: list[Unpaired]) -> None:
    """Combine the verdicts on two texts, and add the outcome to the right list."""
    total, steady = 0.0, list[Verdict]()
    for _, group in groupby(said, key=lambda verdict: verdict.rater):
        own = list(group)
        if contradictory(own):
            unpaired.append(_undecided("contradiction", own))
        else:
            steady += own
            total += sum(verdict.margin for verdict in own) / len(own)
    if not steady:
        return
    if abs(total) < _BALANCE:
        is_tied = all(verdict.margin == 0 for verdict in steady)
        unpaired.append(_undecided(steady[0].why if is_tied else "raters disagree", steady))
        return
    _, first, second = steady[0].question
    chosen, rejected = (first, second) if total > 0 else (second, first)
    ids = steady[0].ids if total > 0 else steady[0].ids[::-1]
    pairs.append(
        PreferencePair(
            prompt=steady[0].prompt,
            chosen=chosen,
            rejected=rejected,
            weight=round(abs(total), 9),
            chosen_id=ids[0],
            rejected_id=ids[1],
            raters=_raters(steady),
            sources=_sources(steady),
            compares="points" if all(verdict.compares == "points" for verdict in steady) else "answers",
        )
    )


def _undecided(why: WhyUnpaired, said: Sequence[Verdict]) -> Unpaired:
    prompt, first, second = said[0].question
    return Unpaired(why=why, prompt=prompt, completions=(first, second), raters=_raters(said), sources=_sources(said))


def _raters(said: Iterable[Verdict]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(verdict.rater for verdict in said))


def _sources(said: Iterable[Verdict]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(source for verdict in said for source in verdict.sources))


def compare_ranked(ranking: Ranking, known: Mapping[str, Completion]) -> Iterator[Verdict | Unpaired]:
    """Yield a ranking's verdict on every two of its answers; `known` maps ids to completions."""
    bottom = len(ranking.groups)
    places = [(id, place) for place, group in enumerate((*ranking.groups, ranking.failed)) for id in group]
    share = 2 / len(places) * _force(ranking)
    for (one, above), (other, below) in combinations(places, 2):
        why: WhyUnpaired = "both failed" if above == bottom else "tie"
        margin = share if above < below else 0.0
        yield _compare((one, other), known, margin, ranking.rater, (ranking.id,), why)


def _compare_thumbs(ratings: Iterable[Rating], known: Mapping[str, Completion]) -> Iterator[Verdict | Unpaired]:
    by_prompt: defaultdict[tuple[str, str], list[Rating]] = defaultdict(list)
    for rating in ratings:
        if rating.completion in known:
            by_prompt[rating.rater, known[rating.completion].prompt].append(rating)
        else:
            yield _incomparable("missing answer", "", (rating.completion,), rating.rater, (rating.id,))
    for (rater, prompt), thumbs in by_prompt.items():
        ups = [rating for rating in thumbs if rating.thumb == "up"]
        downs = [rating for rating in thumbs if rating.thumb == "down"]
        for up, down in product(ups, downs):
            margin = 2 / len(thumbs) * min(_force(up), _force(down))
            yield _compare((up.completion, down.completion), known, margin, rater, (up.id, down.id))
        if not ups or not downs:
            for one in thumbs:
                yield _incomparable("alone", prompt, (known[one.completion].answer,), rater, (one.id,))


def _compare_marked(marks: Iterable[Mark], known: Mapping[str, Completion]) -> Iterator[Verdict | Unpaired]:
    for mark, shorter in digests_compared(marks, known):
        if shorter is None:
            yield _incomparable("missing answer", "", (mark.completion,), mark.rater, (mark.id,))
            continue
        both = {mark.completion: known[mark.completion], shorter.id: shorter}
        margin = _force(mark) if mark.says == "keep" else -_force(mark)
        found = _compare((mark.completion, shorter.id), both, margin, mark.rater, (mark.id,))
        yield msgspec.structs.replace(found, compares="points") if isinstance(found, Verdict) else found


def _compare(
    ids: tuple[str, str],
    known: Mapping[str, Completion],
    margin: float,
    rater: str,
    sources: tuple[str, ...],
    why: WhyUnpaired = "tie",
) -> Verdict | Unpaired:
    """Return the verdict that the first of `ids` is better by `margin`, or why they cannot be compared."""
    one, other = (known.get(id) for id in ids)
    if one is None or other is None:
        return _incomparable("missing answer", "", ids, rater, sources)
    texts = (one.answer, other.answer)
    if one.prompt != other.prompt:
        return _incomparable("different prompts", one.prompt, texts, rater, sources)
    if one.answer == other.answer:
        return _incomparable("identical texts", one.prompt, texts, rater, sources)
    if texts[0] > texts[1]:
        texts, ids, margin = texts[::-1], ids[::-1], -margin
    return Verdict(one.prompt, *texts, margin=margin, rater=rater, sources=sources, ids=ids, why=why)


def _incomparable(
    why: WhyUnpaired, prompt: str, completions: tuple[str, ...], rater: str, sources: tuple[str, ...]
) -> Unpaired:
    return Unpaired(why=why, prompt=prompt, completions=completions, raters=(rater,), sources=sources)


def _force(judgement: Rating | Ranking | Mark) -> float:
    return judgement.weight * (1.0 if judgement.confidence is None else judgement.confidence)


def _in_force(judgements: Iterable[AnyJudgement]) -> list[AnyJudgement]:
    return [judgement for judgement in judgements if not judgement.ended]
