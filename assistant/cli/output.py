"""Print results, progress and errors: bars on a terminal, plain lines elsewhere."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from assistant.errors import AssistantError
from assistant.terminal import json_line, one_line, printable

if TYPE_CHECKING:
    from rich.progress import Progress


def say(text: str) -> None:
    """Print a line of the result, safe for a terminal."""
    print(printable(text), flush=True)


def note(text: str) -> None:
    """Print a line about the work to standard error."""
    print(printable(text), file=sys.stderr, flush=True)


def say_json(value: Any) -> None:
    """Print one JSON value on one line."""
    print(json_line(value), flush=True)


def fail(error: AssistantError, as_json: bool) -> int:
    """Print the error as one line, or as one JSON object, and return its exit code."""
    message = one_line(str(error))
    if as_json:
        print(json_line({"error": message, "exit_code": error.exit_code}), file=sys.stderr)
    else:
        print(f"assistant: {message}", file=sys.stderr)
    return error.exit_code


class _Terminal:
    """Whether the terminal is plain. Threads that report progress read this too."""

    is_plain = False


@contextmanager
def plainly() -> Iterator[None]:
    """A context in which nothing is coloured or drawn over, whatever the terminal can do."""
    before, _Terminal.is_plain = _Terminal.is_plain, True
    try:
        yield
    finally:
        _Terminal.is_plain = before


def is_interactive() -> bool:
    """Whether standard error is a terminal that shows bars and colour."""
    is_simple = _Terminal.is_plain or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stderr.isatty() and not is_simple


@contextmanager
def progress_bar(label: str, total: int | None, *, clock: bool = True) -> Iterator["Advance"]:
    """A bar with rate and time left on a terminal; a line now and then elsewhere.

    Without `clock`, the bar computes no time left: the rate that the caller passes contains it, since steps of
    different lengths would mislead the bar.
    """
    if not is_interactive():
        yield Advance(label, total, None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        # A rate may name a file, and a file may be called "[red]".
        TextColumn("{task.fields[rate]}", markup=False),
        *([TimeRemainingColumn(compact=True)] if clock else []),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Advance(label, total, bar)


class Advance:
    """Moves a progress bar or, without a terminal, prints a line at every tenth of the way."""

    def __init__(self, label: str, total: int | None, bar: "Progress | None") -> None:
        self._label = label
        self._total = total
        self._bar = bar
        self._told = 0
        self._task = bar.add_task(label, total=total, rate="") if bar else None

    def to(self, done: int, rate: str = "") -> None:
        """Show that `done` steps are done."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, rate=rate)
            return
        tenth = 10 * done // self._total if self._total else 0
        if tenth > self._told:
            self._told = tenth
            note(f"{self._label}: {done} of {self._total} {rate}".rstrip())

    def of(self, done: int, total: int, rate: str = "") -> None:
        """Like `to`, with a total that becomes known on the way."""
        self._total = total
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=total)
        self.to(done, rate)
