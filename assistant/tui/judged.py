"""Feedback in figures, as sentences for the screen. Knows no store."""

from collections.abc import Collection, Sequence

from assistant.records import FeedbackStats, PreferencePair, Share, Unpaired


def describe_stats(stats: FeedbackStats) -> str:
    """What was judged, the pairs that it makes, and how far it can be trusted."""
    lines = [
        f"answers judged     {stats.completions:,}",
        f"thumbs             {stats.up:,} up, {stats.down:,} down",
        f"rankings           {stats.rankings:,}, of them {stats.repeats:,} repeated",
        f"raters             {', '.join(f'{name} ({count:,})' for name, count in stats.raters.items()) or 'none'}",
        "",
        f"preference pairs   {stats.pairs:,}",
        *[f"  made no pair     {count:,} · {why}" for why, count in stats.unpaired.items()],
        "",
        f"self-agreement     {_share(stats.self_agreement, 'no comparison was repeated yet')}",
        f"rater agreement    {_alpha(stats)}",
        f"longer one chosen  {_share(stats.longer_chosen, 'no pairs yet')}; 50 % is no bias",
    ]
    return "\n".join(lines)


def describe_effect(
    pairs: Sequence[PreferencePair], unpaired: Sequence[Unpaired], sources: Collection[str], versions: Sequence[str]
) -> str:
    """What some judgements did: the pairs that they had a say in, what made none and why, and who learned from them.

    `pairs` and `unpaired` are those of the whole store, `sources` the judgements' ids.
    """
    if not sources:
        return "not judged yet"
    made = [pair for pair in pairs if not set(pair.sources).isdisjoint(sources)]
    lost = [one.why for one in unpaired if not set(one.sources).isdisjoint(sources)]
    reasons = ", ".join(f"{lost.count(why)} {why}" for why in dict.fromkeys(lost))
    parts = [f"makes {len(made):,} {'pair' if len(made) == 1 else 'pairs'} of {len(pairs):,} in all"]
    if reasons:
        parts.append(f"no pair: {reasons}")
    parts.append(f"trained {', '.join(versions)}" if versions else "no model has learned from it yet")
    return " · ".join(parts)


def _share(share: Share, without: str) -> str:
    if share.value is None or share.low is None or share.high is None:
        return without
    return f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}] of {share.n:,}"


def _alpha(stats: FeedbackStats) -> str:
    if stats.alpha is None:
        return "needs two raters of the same answers"
    return f"alpha {stats.alpha:.2f} over {stats.compared:,} comparisons"
