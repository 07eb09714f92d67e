"""Draws a run's metrics: as text for a terminal and as SVG for a page. Knows names and numbers, not their meaning."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from assistant.files import write_atomically
from training import tables
from training.runs import find_run, read_metrics

SHOWN = {
    "score": "objective/scores",
    "KL to the reference": "objective/kl",
    "judge": "dev_judge",
    "entropy a token": "policy/entropy_avg",
    "tokens a response": "response/length",
    "explained variance": "val/explained_variance",
}
"""Title -> metric, in the order in which they are drawn."""
_WIDTH, _HEIGHT, _MARGIN = 360, 200, 44

Points = list[tuple[float, float]]


def points(rows: Sequence[Mapping[str, Any]], metric: str) -> Points:
    """(step, value) of every row that has the metric."""
    return [(float(row["step"]), float(row[metric])) for row in rows if metric in row]


def show(result: Mapping[str, Any]) -> str:
    """The stage's result as text, with a chart of score and KL below it."""
    text = tables.plain(result)
    if "run" not in result:
        return text
    rows = read_metrics(find_run("", str(result["run"])) / "metrics.jsonl")
    charts = [chart(points(rows, SHOWN[title]), title) for title in ("score", "KL to the reference")]
    return "\n\n".join([text, *filter(None, charts)])


def chart(series: Points, title: str) -> str:
    """A curve in braille dots, without colour; empty for less than two points."""
    if len(series) < 2:
        return ""
    # Imported here because only a terminal needs it.
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(72, 14)
    plotext.title(title)
    plotext.plot([step for step, _ in series], [value for _, value in series], marker="braille")
    built: str = plotext.uncolorize(plotext.build())
    return built.rstrip()


def write_curves(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write every shown metric that the rows have as a grid of curves, two a row."""
    drawn = [(title, series) for title, metric in SHOWN.items() if len(series := points(rows, metric)) > 1]
    panels = [
        f'<g transform="translate({index % 2 * _WIDTH},{index // 2 * _HEIGHT})">{_panel(title, series)}</g>'
        for index, (title, series) in enumerate(drawn)
    ]
    height = _HEIGHT * max(1, -(-len(drawn) // 2))
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * _WIDTH} {height}" font-family="sans-serif" '
        f'font-size="11"><rect width="100%" height="100%" fill="white"/>{"".join(panels)}</svg>\n'
    )
    write_atomically(path, text.encode())


def _panel(title: str, series: Points) -> str:
    """A titled curve with the least and greatest value at its axes."""
    steps, values = [step for step, _ in series], [value for _, value in series]
    (left, right), (low, high) = (min(steps), max(steps)), (min(values), max(values))
    across, up = _WIDTH - 1.5 * _MARGIN, _HEIGHT - 1.5 * _MARGIN
    base = _HEIGHT - 0.75 * _MARGIN

    def place(step: float, value: float) -> str:
        x = _MARGIN + across * (step - left) / ((right - left) or 1.0)
        y = base - up * (value - low) / ((high - low) or 1.0)
        return f"{x:.1f},{y:.1f}"

    line = " ".join(place(*point) for point in series)
    top = base - up
    return (
        f'<text x="{_MARGIN}" y="{top - 8:.0f}" font-weight="bold">{escape(title)}</text>'
        f'<path d="M{_MARGIN},{top:.1f}V{base:.1f}H{_MARGIN + across:.1f}" fill="none" stroke="#999"/>'
        f'<polyline points="{line}" fill="none" stroke="#1f5fa8" stroke-width="1.5"/>'
        f'<text x="{_MARGIN - 4}" y="{top + 8:.1f}" text-anchor="end">{high:.3g}</text>'
        f'<text x="{_MARGIN - 4}" y="{base:.1f}" text-anchor="end">{low:.3g}</text>'
        f'<text x="{_MARGIN}" y="{base + 14:.1f}">{left:g}</text>'
        f'<text x="{_MARGIN + across:.1f}" y="{base + 14:.1f}" text-anchor="end">step {right:g}</text>'
    )
