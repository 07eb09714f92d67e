"""The evidence for a version: promotion.json, written by training, and blind trials.

models_dir()/v3/promotion.json    all metrics of the gate, and the version's origin
                trial.json        a person's blind choices between it and another model
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from assistant.errors import DataMissing, ModelDamaged
from assistant.files import write_atomically
from assistant.records import ModelVersion, Record

PROMOTION, TRIAL = "promotion.json", "trial.json"
_PASSED = {True: "yes", False: "NO", None: "-"}


class Trial(Record, frozen=True):
    """Blind choices between a version and the model named in `against`, over all their trials."""

    against: str
    wins: int = 0
    losses: int = 0
    ties: int = 0


def read_promotion(model: ModelVersion) -> dict[str, Any]:
    """Return the promotion document of a version. Raises DataMissing if it never went through the gate."""
    place = Path(model.folder) / PROMOTION
    try:
        found: dict[str, Any] = msgspec.json.decode(place.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        raise DataMissing(
            f"{model.ref} has no gate result: only models made by `assistant-train rlhf` have one"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelDamaged(f"cannot read {place}: {error}") from error
    return found


def read_trial(folder: Path) -> Trial | None:
    """Return the blind trials of a version, None if there are none."""
    try:
        return msgspec.json.decode((folder / TRIAL).read_bytes(), type=Trial)
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise ModelDamaged(f"cannot read {folder / TRIAL}: {error}; delete it and run the trial again") from error


def add_trial(folder: Path, held: Trial) -> Trial:
    """Add a trial to earlier ones against the same model, so that repeating it until it succeeds is useless."""
    before = read_trial(folder)
    if before is not None and before.against == held.against:
        held = Trial(
            against=held.against,
            wins=held.wins + before.wins,
            losses=held.losses + before.losses,
            ties=held.ties + before.ties,
        )
    write_atomically(folder / TRIAL, json.dumps(msgspec.to_builtins(held)).encode() + b"\n")
    return held


def explain(document: Mapping[str, Any]) -> list[str]:
    """Return the document as lines: the comparison, every check, and the version's origin."""
    gate = document.get("gate")
    verdict = (
        "passed the gate" if gate and gate["passed"] else "did not pass the gate" if gate else "never saw the gate"
    )
    lines = [
        f"{document.get('version')} {verdict}, compared with {document.get('against')} on {document.get('written')}"
    ]
    if gate:
        lines += [*_aligned(gate_rows(gate["checks"]))]
    else:
        lines += ["the gate was left out, as asked"]
    pairs, reward = document["pairs"], document["reward"]
    low, high = reward["ci"]
    lines += [
        f"ratings: {pairs['n']} pairs of {pairs['dialogues']} conversations by {pairs['raters']} raters",
        f"reward: agrees with people on {reward['accuracy']:.1%} [{low:.0%}, {high:.0%}] of {reward['n']} pairs",
        f"made by {document['run']}, seed {document['seed']}, data {str(document['data_hash'])[:12]}",
    ]
    if document.get("skipped"):
        lines.append(f"left out as asked: {', '.join(document['skipped'])}")
    return lines


def gate_rows(checks: list[Mapping[str, Any]]) -> list[list[str]]:
    """Return the gate's table as text, column names first."""
    rows = [["check", "value", "95 % interval", "passed", "what has to hold"]]
    for check in checks:
        interval = f"[{check['ci'][0]:.3g}, {check['ci'][1]:.3g}]" if check["ci"] else ""
        value = f"{check['value']:.3g}" if isinstance(check["value"], float) else str(check["value"])
        limit = "" if check["limit"] is None else f" ({check['limit']:g})"
        rows.append([check["name"], value, interval, _PASSED[check["passed"]], f"{check['rule']}{limit}"])
    return rows


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
