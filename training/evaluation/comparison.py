"""Compares two models on the same conversations: `assistant-train compare A B`. Differences are paired, so that the
difficulty of conversations does not matter.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.errors import UsageError
from training.evaluation.config import CompareConfig
from training.evaluation.html_report import Intervals, Section, Table, write_report
from training.evaluation.metrics import METRICS, Case, Metric
from training.evaluation.metrics.bootstrap import interval, resamples
from training.evaluation.metrics.overlap import ROUGE_SIGNATURE
from training.evaluation.stage import chosen_metrics, chosen_modes, score_all
from training.evaluation.summaries import Written, open_summarizer, read_cases
from training.runs.job import Job


def run(job: Job[CompareConfig]) -> dict[str, Any]:
    """Run `assistant-train compare`. Each operand is a model reference, a baseline or a file of predictions."""
    modes = chosen_modes(job.config.modes)
    if len(modes) > 1:
        raise UsageError("compare takes one mode: --modes zero-shot")
    metric, column = _place_of(job.config.by)
    metrics = chosen_metrics(job.config)
    cases = read_cases(job.data, job.config.max_steps)
    first, second = (_write(ref, cases, modes[0], job) for ref in job.operands)
    figures = paired(first.cases, second.cases, metrics)
    result = {
        "first": first.model,
        "second": second.model,
        "n": len(cases),
        "by": job.config.by,
        "figures": figures,
        "largest": _largest(first.cases, second.cases, metric, column, job.config.show),
        "scorer": ROUGE_SIGNATURE,
    }
    if job.config.report:
        write_report(job.config.report, f"{first.model} and {second.model}", _sections(result))
    return result


def _sections(result: dict[str, Any]) -> list[Section]:
    """Return the sections of the report: a table of differences, a plot, and the largest differences."""
    head = ["figure", "first", "second", "difference", "low", "high", "win", "loss", "tie"]
    rows = [
        [
            name,
            *(f"{value:.4g}" for value in (row["first"], row["second"], row["difference"], *row["ci"])),
            *(str(row.get(kind, "-")) for kind in ("win", "loss", "tie")),
        ]
        for name, row in result["figures"].items()
    ]
    shown = {
        name: (row["difference"], *row["ci"]) for name, row in result["figures"].items() if name.startswith("rouge")
    }
    texts = [
        [row["id"], f"{row['difference']:+.1f}", row["dialogue"], row["references"][0], row["first"], row["second"]]
        for row in result["largest"]
    ]
    note = f"second less first, n = {result['n']}, 95 % intervals of the paired difference; {result['scorer']}"
    return [
        Table("Differences", [head, *rows], note),
        Intervals("Difference in ROUGE", shown),
        Table(
            "Largest differences", [["id", result["by"], "dialogue", "reference", "first", "second"], *texts], wide=True
        ),
    ]


def paired(
    first: Sequence[Case], second: Sequence[Case], metrics: Mapping[str, Metric] = METRICS
) -> dict[str, dict[str, Any]]:
    """Return for each figure both values, second minus first with its 95 % interval, and the second's wins."""
    clusters = [case.dialogue for case in first]
    found: dict[str, dict[str, Any]] = {}
    for metric in metrics.values():
        one, other = score_all(metric.score, first), score_all(metric.score, second)
        drawn = [np.subtract(metric.pool(other[indices]), metric.pool(one[indices])) for indices in resamples(clusters)]
        for column, name in enumerate(metric.figures):
            values = metric.pool(one)[column], metric.pool(other)[column]
            found[name] = {
                "first": values[0],
                "second": values[1],
                "difference": values[1] - values[0],
                "ci": interval([difference[column] for difference in drawn]),
            }
            if metric.higher_is_better is not None and metric.scores_cases:
                found[name] |= _wins(one[:, column], other[:, column], metric.higher_is_better)
    return found


def _wins(first: NDArray[np.float64], second: NDArray[np.float64], higher_is_better: bool) -> dict[str, int]:
    gain = (second - first) * (1 if higher_is_better else -1)
    return {"win": int((gain > 0).sum()), "loss": int((gain < 0).sum()), "tie": int((gain == 0).sum())}


def _largest(
    first: Sequence[Case], second: Sequence[Case], metric: str, column: int, count: int
) -> list[dict[str, Any]]:
    score = METRICS[metric].score
    gains = [(score(other)[column] - score(one)[column], one, other) for one, other in zip(first, second, strict=True)]
    gains.sort(key=lambda gain: -abs(gain[0]))
    return [
        {
            "id": one.id,
            "difference": gain,
            "dialogue": one.dialogue,
            "references": list(one.references),
            "first": one.prediction,
            "second": other.prediction,
        }
        for gain, one, other in gains[:count]
    ]


def _place_of(figure: str) -> tuple[str, int]:
    """Return the metric of a figure and its column. Raises UsageError if no metric scores single cases by it."""
    single = {
        name: (key, metric.figures.index(name))
        for key, metric in METRICS.items()
        for name in metric.figures
        if metric.scores_cases
    }
    if figure not in single:
        raise UsageError(f"--by {figure}: there are {', '.join(single)}")
    return single[figure]


def _write(ref: str, cases: Sequence[Case], mode: str, job: Job[CompareConfig]) -> Written:
    summarizer = open_summarizer(ref, job.config, job.stop, job.report)
    try:
        return summarizer.write(cases, mode)
    finally:
        summarizer.close()
