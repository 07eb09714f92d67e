"""Shows a job's progress on standard error: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from assistant.terminal import one_line

_QUIET_SECONDS = 5.0
"""Least time between plain lines. The first and the last are always shown."""
_UNSHOWN = ("step", "fraction", "seconds", "epoch")


class Reporter(Protocol):
    """Shows a job's figures and, on a terminal, tables."""

    def __call__(self, figures: Mapping[str, float]) -> None:
        """Show the figures of a step."""

    def table(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        """Show rows of text, column names first."""

    def say(self, line: str) -> None:
        """Show a line that stays."""


@contextmanager
def showing(stage: str) -> Iterator[Reporter]:
    """Return a reporter for figures and tables, for the duration of the context."""
    if sys.stderr.isatty():
        with _bar(stage) as report:
            yield report
    else:
        yield _Lines(stage)


@contextmanager
def _bar(stage: str) -> Iterator[Reporter]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bar(progress, stage)


class _Bar:
    def __init__(self, progress: Progress, stage: str) -> None:
        self._progress = progress
        self._task = progress.add_task(stage, total=1.0, figures="starting")

    def __call__(self, figures: Mapping[str, float]) -> None:
        self._progress.update(self._task, completed=figures.get("fraction", 0.0), figures=describe(figures))

    def table(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        table = Table(*rows[0], title=title, title_justify="left", expand=True)
        for row in rows[1:]:
            # As Text, because brackets in a response are not markup.
            table.add_row(*(Text(one_line(cell), overflow="ellipsis") for cell in row))
        self._progress.console.print(table)

    def say(self, line: str) -> None:
        self._progress.console.print(Text(line))


class _Lines:
    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._shown = -_QUIET_SECONDS

    def __call__(self, figures: Mapping[str, float]) -> None:
        if time.monotonic() - self._shown >= _QUIET_SECONDS or figures.get("fraction", 0.0) >= 1.0:
            self._shown = time.monotonic()
            print(f"{self._stage}: {describe(figures)}", file=sys.stderr, flush=True)

    def table(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        """Do nothing, because logs are too narrow for wide tables."""

    def say(self, line: str) -> None:
        print(f"{self._stage}: {line}", file=sys.stderr, flush=True)


def describe(figures: Mapping[str, float]) -> str:
    """Format figures, such as "step 50, 12%, loss 6.123, 3.1 steps/s, 12 min left"."""
    step, fraction, seconds = (figures.get(name, 0.0) for name in ("step", "fraction", "seconds"))
    parts = [f"step {int(step)}", f"{fraction:.0%}"]
    parts += [f"{name.replace('_', ' ')} {value:.3f}" for name, value in figures.items() if name not in _UNSHOWN]
    if seconds > 0 and step > 0:
        rate = step / seconds
        parts.append(f"{rate:.1f} steps/s" if rate >= 1 else f"{1 / rate:.1f} s a step")
    if seconds > 0 and 0 < fraction < 1:
        parts.append(f"{duration(seconds * (1 - fraction) / fraction)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Format a duration as "40 s", "12 min" or "3 h 05 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
