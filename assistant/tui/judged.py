"""Feedback in figures, as sentences for the screen. Knows no store."""

from assistant.records import FeedbackStats, Share


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


def _share(share: Share, without: str) -> str:
    if share.value is None or share.low is None or share.high is None:
        return without
    return f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}] of {share.n:,}"


def _alpha(stats: FeedbackStats) -> str:
    if stats.alpha is None:
        return "needs two raters of the same answers"
    return f"alpha {stats.alpha:.2f} over {stats.compared:,} comparisons"
