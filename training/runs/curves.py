"""Draws a run's metrics: as text for a terminal, and as PNG for reports.

Any stage can use it: `write_curves(run.metrics(), {"title": "metric", …}, path)`.
"""

import os
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.files import write_atomically
from assistant.locations import cache_dir, ensure_dir
from training.runs import tables
from training.runs.run import find_run, read_manifest, read_metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curves = Mapping[str, str | Sequence[str]]
"""Title of a panel -> its metric, or several metrics that share its axes."""
Points = list[tuple[float, float]]

_PPO: Curves = {
    "score": "objective/scores",
    "KL to the reference": "objective/kl",
    "judge": "dev_judge",
    "entropy a token": "policy/entropy_avg",
    "tokens a response": "response/length",
    "explained variance": "val/explained_variance",
}
CURVES: dict[str, Curves] = {
    "pocket": {"loss, smoothed labels": "loss", "held-out loss, nats a token": "dev_loss"},
    "ppo": _PPO,
    "rlhf": {
        **_PPO,
        "reward by part": [f"objective/scores/{part}" for part in ("preference", "unsupported", "repetition", "harm")],
        "practice ROUGE-1 to spare": "dev_spare",
    },
    "prefer": {
        "loss": ("loss", "dev_loss"),
        "chosen before rejected": ("accuracy", "dev_accuracy"),
        "KL to the original": "dev_kl",
        "margin": "margin",
        "judge": "dev_judge",
        "practice ROUGE-1 to spare": "dev_spare",
    },
    "sft": {"loss": ("loss", "dev_loss"), "held-out loss": "dev_loss", "learning rate": "learning_rate"},
    "adapt": {"loss": ("loss", "dev_loss"), "held-out loss": "dev_loss", "learning rate": "learning_rate"},
}
"""Stage -> its curves in drawing order. A terminal shows the first two."""
_IN_A_TERMINAL = 2
_COLUMNS = 2
_PANEL_INCHES = (5.0, 2.8)
# With this many points or more, a running mean is drawn over them.
_LONG = 20


def points(rows: Sequence[Mapping[str, Any]], metric: str) -> Points:
    """Return (step, value) of the rows with the metric. The last row of a step counts, because evaluations repeat
    metrics of their step.
    """
    return list({float(row["step"]): float(row[metric]) for row in rows if metric in row}.items())


def show(result: Mapping[str, Any]) -> str:
    """Format a stage's result as text, with charts of the run's first curves below."""
    text = tables.plain(result)
    if "run" not in result:
        return text
    folder = find_run("", str(result["run"]))
    rows = read_metrics(folder / "metrics.jsonl")
    first = list(CURVES.get(read_manifest(folder).stage, {}).items())[:_IN_A_TERMINAL]
    charts = [chart(points(rows, _metrics(drawn)[0]), title) for title, drawn in first]
    return "\n\n".join([text, *filter(None, charts)])


def chart(series: Points, title: str) -> str:
    """Draw a curve in braille dots, without colour. Return "" for fewer than two points."""
    if len(series) < 2:
        return ""
    # Imported late, because only terminals need it.
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(72, 14)
    plotext.title(title)
    plotext.plot([step for step, _ in series], [value for _, value in series], marker="braille")
    built: str = plotext.uncolorize(plotext.build())
    return built.rstrip()


def write_curves(rows: Sequence[Mapping[str, Any]], curves: Curves, path: Path) -> None:
    """Draw the curves and write them as PNG."""
    content = BytesIO()
    draw(rows, curves).savefig(content, format="png", dpi=120)
    write_atomically(path, content.getvalue())


def draw(rows: Sequence[Mapping[str, Any]], curves: Curves) -> "Figure":
    """Draw a grid with two panels per row: one for each title with a metric of at least two points."""
    # matplotlib's list of fonts goes into Parley's cache. pyplot is avoided, because it would keep the figure alive.
    os.environ.setdefault("MPLCONFIGDIR", str(ensure_dir(cache_dir() / "matplotlib")))
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    drawn = {
        title: found
        for title, metrics in curves.items()
        if (found := {name: series for name in _metrics(metrics) if len(series := points(rows, name)) > 1})
    }
    lines = max(1, -(-len(drawn) // _COLUMNS))
    figure = Figure(figsize=(_COLUMNS * _PANEL_INCHES[0], lines * _PANEL_INCHES[1]), layout="constrained")
    for number, (title, found) in enumerate(drawn.items(), start=1):
        panel = figure.add_subplot(lines, _COLUMNS, number)
        panel.set_title(title, fontsize=10, loc="left", fontweight="bold")
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(alpha=0.3)
        panel.tick_params(labelsize=8)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        for name, series in found.items():
            _plot(panel, name.rpartition("/")[2], series)
        if len(found) > 1:
            panel.legend(fontsize=8, frameon=False)
    for panel in figure.axes[-_COLUMNS:]:
        panel.set_xlabel("step", fontsize=8)
    return figure


def _plot(panel: Any, name: str, series: Points) -> None:
    steps, values = zip(*series, strict=True)
    if len(series) < _LONG:
        panel.plot(steps, values, marker=".", markersize=4, linewidth=1.2, label=name)
        return
    (faint,) = panel.plot(steps, values, linewidth=0.8, alpha=0.35)
    reach = len(series) // _LONG
    means = [_mean(values[max(0, index - reach) : index + reach + 1]) for index in range(len(values))]
    panel.plot(steps, means, color=faint.get_color(), linewidth=1.6, label=name)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _metrics(drawn: str | Sequence[str]) -> Sequence[str]:
    return [drawn] if isinstance(drawn, str) else drawn
