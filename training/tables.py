"""Writes results as text for a terminal. Knows values, not how they came about."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from training.job import Job


def plain(result: Mapping[str, Any]) -> str:
    """One "name: value" a line; nested names are joined by dots."""
    return "\n".join(f"{name}: {_value(value)}" for name, value in _flattened(result))


def plan(job: Job[Any]) -> dict[str, Any]:
    """What a job would do: configuration, and each file with its rows. Reads the files and writes nothing."""
    from training.corpora import read_rows

    return {
        "stage": job.stage,
        "model": job.model or None,
        "out": str(job.out) if job.out else None,
        "resume": job.resume,
        "reads": [
            {"file": str(path), "rows": sum(1 for _ in read_rows(path)), "bytes": path.stat().st_size}
            for path in job.files
        ],
        "config": msgspec.to_builtins(job.config),
    }


def runs(found: Sequence[Mapping[str, Any]]) -> str:
    """The table of runs."""
    if not found:
        return "no runs yet"
    rows = [["run", "stage", "state", "step", "held-out figure", "started"]]
    for run in found:
        dev = ", ".join(f"{name.removeprefix('dev_')} {value:.3f}" for name, value in (run["dev"] or {}).items())
        rows.append([run["name"], run["stage"], run["state"], str(run["step"]), dev or "-", run["started"]])
    return columns(rows)


def evaluation(result: Mapping[str, Any]) -> str:
    """Figures with their intervals, one column for each mode."""
    modes = result.get("modes") or {result["mode"]: result}
    first = next(iter(modes.values()))
    rows = [
        ["", *modes],
        *([name, *(_with_interval(m[name], m["ci"][name]) for m in modes.values())] for name in first["ci"]),
        ["summaries/s", *(_number(m["summaries_per_second"]) for m in modes.values())],
    ]
    head = f"{result['model']}, {result['n']} conversations, 95 % intervals clustered by conversation"
    return f"{head}\n{first['scorer']}\n\n{columns(rows)}"


def _with_interval(value: float, bounds: Sequence[float]) -> str:
    return f"{_number(value)} [{_number(bounds[0])}, {_number(bounds[1])}]"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.1f}"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns as wide as their longest cell; numbers stand on the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    numeric = [all(_is_number(row[i]) for row in rows[1:]) and len(rows) > 1 for i in range(len(widths))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in rows
    )


def _is_number(cell: str) -> bool:
    return cell == "-" or cell.replace(".", "", 1).replace("-", "", 1).isdigit()


def _flattened(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found += _flattened(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, value))
    return found


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return "".join("\n  " + ", ".join(f"{key} {_value(item)}" for key, item in row.items()) for row in value)
    if isinstance(value, list | tuple):
        return ", ".join(_value(item) for item in value)
    return "-" if value is None else str(value)
