"""Formats the result of tuning as text: the version, its gain and its forgetting."""

from collections.abc import Mapping
from typing import Any

from training.runs import curves, tables

_HEAD = ["", "n", "before", "after", "difference [95 %]"]


def show(result: Mapping[str, Any]) -> str:
    """Format a stage's result: figures, the curve of the held-out loss, gain and forgetting."""
    tasks = {"held out": result["gain"], **result["forgetting"]} if result.get("gain") else result.get("forgetting", {})
    plain = {key: value for key, value in result.items() if key not in {"gain", "forgetting"}}
    text = curves.show(plain)
    return f"{text}\n\n{changes(tasks)}" if tasks else text


def changes(tasks: Mapping[str, Mapping[str, Any]]) -> str:
    """Format one line per task set and figure: before, after, and the paired difference."""
    rows = [_HEAD]
    for name, row in tasks.items():
        for figure, value in row.items():
            if figure == "n":
                continue
            digits = 3 if max(value["first"], value["second"]) <= 1 else 1
            low, high = value["ci"]
            change = f"{value['difference']:+.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
            before, after = (f"{value[key]:.{digits}f}" for key in ("first", "second"))
            rows.append([f"{name}: {figure}", str(row["n"]), before, after, change])
    return tables.columns(rows)
