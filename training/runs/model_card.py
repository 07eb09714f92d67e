"""Writes model cards: description, data, figures and limits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from assistant.files import write_atomically
from assistant.models.versions import VersionFacts


class CardData(msgspec.Struct, frozen=True):
    """A data file on a card."""

    file: str
    rows: int
    used_for: str


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a card. `figures` maps names to text; `command` reproduces the model."""

    title: str
    summary: str
    licence: str
    data: Sequence[CardData]
    figures: Mapping[str, str]
    limits: Sequence[str]
    command: str


def write_card(folder: Path, card: Card) -> Path:
    """Write README.md into a model folder."""
    place = folder / "README.md"
    write_atomically(place, _text(card).encode())
    return place


def write_version_card(folder: Path, facts: VersionFacts, licence: str) -> Path:
    """Write README.md of a tuned version: its origin and its figures. The licence is that of its base."""
    head = ["---", f"license: {licence}", "---", ""] if licence else []
    origin = f"{facts.parent}, itself of {facts.base}" if facts.parent else facts.base
    figures = [f"| {name} | {_figure(value)} |" for name, value in facts.figures.items() if _figure(value)]
    lines = [
        *head,
        f"# {facts.base}, tuned ({facts.method})",
        "",
        f"Made of {origin} on this machine by the run {facts.run or 'of another tool'}.",
        *(["", "| figure | |", "|---|---:|", *figures] if figures else []),
        "",
    ]
    place = folder / "README.md"
    write_atomically(place, "\n".join(lines).encode())
    return place


def _figure(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value) if isinstance(value, int | str) else ""


def _text(card: Card) -> str:
    data = [f"| {row.file} | {row.rows:,} | {row.used_for} |" for row in card.data]
    figures = [f"| {name} | {value} |" for name, value in card.figures.items()]
    # The registry and the Hub read the licence from the front matter.
    head = ["---", f"license: {card.licence}", "---", ""] if card.licence else []
    lines = [
        *head,
        f"# {card.title}",
        "",
        card.summary,
        "",
        f"Licence of the weights: {card.licence or 'not stated; that of the data applies'}.",
        "",
        "## Data",
        "",
        "| file | rows | used for |",
        "|---|---:|---|",
        *data,
        "",
        "## Figures",
        "",
        "| | |",
        "|---|---:|",
        *figures,
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in card.limits),
        "",
        "## How it was made",
        "",
        f"    {card.command}",
        "",
    ]
    return "\n".join(lines)
