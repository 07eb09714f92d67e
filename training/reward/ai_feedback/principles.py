"""Reads principles, and the conversations and drafts that they judge."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import msgspec

from assistant.errors import DataMissing, UsageError
from training.runs.data.datasets import read_rows


class Principle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule for good texts. `checks` are terms of a reward that measure it, and `text` puts it in words for a model.
    Differences up to `tolerance` do not count.
    """

    name: str
    checks: tuple[str, ...]
    text: str = ""
    tolerance: float = 0.0
    weight: float = 1.0


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    principles: tuple[Principle, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation with its drafts."""

    id: str
    conversation: str
    drafts: tuple[str, ...]


def load_principles(path: Path | None) -> tuple[Principle, ...]:
    """Read the principles of a file, or the bundled ones. Raises UsageError if the file is invalid."""
    try:
        text = (
            path.read_text(encoding="utf-8")
            if path
            else files("training.reward.ai_feedback").joinpath("principles.toml").read_text()
        )
        found = msgspec.convert(tomllib.loads(text), _File).principles
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read the principles in {path}: {error}") from error
    if not found or any(not one.checks or one.weight <= 0 or one.tolerance < 0 for one in found):
        raise UsageError(f"{path}: each of [[principles]] needs checks, a weight above 0 and a tolerance of 0 or more")
    return found


def read_drafts(paths: Sequence[Path], at_most: int = 0) -> list[Row]:
    """Read rows of "dialogue" and optionally "drafts", at most `at_most` (0: all). Raises DataMissing, UsageError."""
    rows = []
    for path in paths:
        for number, row in enumerate(read_rows(path), start=1):
            drafts = row.get("drafts") or []
            if not isinstance(row.get("dialogue"), str) or not all(isinstance(draft, str) for draft in drafts):
                raise UsageError(
                    f'{path}, row {number}: needs a text "dialogue"; "drafts", if there are any, must be texts'
                )
            rows.append(Row(str(row.get("id", number)), row["dialogue"], tuple(drafts)))
    if not rows:
        raise DataMissing("the data has no conversations")
    return rows[:at_most] if at_most else rows
