"""Writes results as one self-contained HTML page: tables, plots as embedded PNG, and texts.

write_report(path, "Title", [Table("Figures", rows), Intervals("ROUGE-1", {"before": (32.8, 31.5, 34.0)})])
"""

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

from assistant.files import write_atomically
from assistant.locations import cache_dir, ensure_dir
from assistant.terminal import printable
from training.runs.curves import Curves, draw

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2530; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse } td, th { padding: .25rem .7rem; border-bottom: 1px solid #d5dae0; text-align: left }
td.number { text-align: right; font-variant-numeric: tabular-nums } pre { white-space: pre-wrap; margin: 0 }
td.text { vertical-align: top; max-width: 20rem } img { max-width: 100% } p.note { color: #5a6675 }
"""


@dataclass(frozen=True)
class Table:
    """A table: rows of text, column names first. `wide` tables have cells with long texts."""

    title: str
    rows: Sequence[Sequence[str]]
    note: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Intervals:
    """A plot of values with their intervals: name -> (value, low, high)."""

    title: str
    values: Mapping[str, tuple[float, float, float]]
    note: str = ""


@dataclass(frozen=True)
class Run:
    """A plot of a run's metrics, drawn by `training.runs.curves`."""

    title: str
    rows: Sequence[Mapping[str, Any]]
    curves: Curves
    note: str = ""


Section = Table | Intervals | Run


def write_report(path: Path, title: str, sections: Sequence[Section]) -> Path:
    """Write the page and return its path."""
    body = "".join(f"<h2>{_text(section.title)}</h2>{_content(section)}{_note(section.note)}" for section in sections)
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{_text(title)}</title>'
        f"<style>{_STYLE}</style><h1>{_text(title)}</h1>{body}</html>\n"
    )
    write_atomically(path, page.encode())
    return path


def figures_table(title: str, figures: Mapping[str, Any], bounds: Mapping[str, Any], note: str = "") -> Table:
    """Return a table of the figures in `bounds`: name, value and 95 % interval."""
    rows = [["figure", "value", "low", "high"]]
    rows += [[name, *(f"{value:.4g}" for value in (figures[name], *bounds[name]))] for name in bounds]
    return Table(title, rows, note)


def _content(section: Section) -> str:
    match section:
        case Table():
            return _table(section)
        case Intervals():
            return _image(_intervals(section))
        case Run():
            return _image(draw(section.rows, section.curves))


def _table(table: Table) -> str:
    head = "".join(f"<th>{_text(cell)}</th>" for cell in table.rows[0])
    kinds = ' class="text"' if table.wide else ""
    lines = []
    for row in table.rows[1:]:
        cells = "".join(
            f'<td class="number">{_text(cell)}</td>'
            if _is_number(cell)
            else f"<td{kinds}><pre>{_text(cell)}</pre></td>"
            for cell in row
        )
        lines.append(f"<tr>{cells}</tr>")
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _intervals(section: Intervals) -> Any:
    os.environ.setdefault("MPLCONFIGDIR", str(ensure_dir(cache_dir() / "matplotlib")))
    from matplotlib.figure import Figure

    names = list(section.values)
    figure = Figure(figsize=(8, 0.8 + 0.4 * len(names)), layout="constrained")
    panel = figure.add_subplot()
    for place, name in enumerate(reversed(names)):
        value, low, high = section.values[name]
        panel.plot([low, high], [place, place], color="#1f5fa8", linewidth=2)
        panel.plot([value], [place], "o", color="#1f5fa8")
    panel.set_yticks(range(len(names)), list(reversed(names)))
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis="x", alpha=0.3)
    return figure


def _image(figure: Any) -> str:
    content = BytesIO()
    figure.savefig(content, format="png", dpi=120)
    data = base64.b64encode(content.getvalue()).decode()
    return f'<img alt="" src="data:image/png;base64,{data}">'


def _note(note: str) -> str:
    return f'<p class="note">{_text(note)}</p>' if note else ""


def _text(text: str) -> str:
    return escape(printable(str(text)))


def _is_number(cell: str) -> bool:
    return cell == "-" or cell.lstrip("+-").replace(".", "", 1).replace("%", "").isdigit()
