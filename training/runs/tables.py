"""Formats results as text for a terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from assistant.models.proof import gate_rows
from training.runs.job import Job
from training.runs.tracking import place_of


def plain(result: Mapping[str, Any]) -> str:
    """Format one "name: value" per line. Nested names are joined by dots."""
    return "\n".join(f"{name}: {_value(value)}" for name, value in _flattened(result))


def plan(job: Job[Any], read: Job[Any], reads_rows: bool) -> dict[str, Any]:
    """Return what a job would do: its configuration, and each file with its number of rows, None for documents. `read`
    is the job with its data as JSON Lines. Writes nothing.
    """
    from training.runs.data.datasets import bytes_at, read_rows

    def rows(path: Path) -> int | None:
        return sum(1 for _ in read_rows(path)) if reads_rows else None

    return {
        "stage": job.stage,
        "model": job.model or None,
        "out": str(job.out) if job.out else None,
        "resume": job.resume,
        **({"track": place_of(job.track)} if job.track else {}),
        "reads": [
            {"file": str(path), "rows": rows(lines), "bytes": bytes_at(path)}
            for path, lines in zip(job.files, read.files, strict=True)
        ],
        "config": msgspec.to_builtins(job.config),
    }


def loop(result: Mapping[str, Any]) -> str:
    """Format the result of `rlhf`: figures, the gate's table, and the fate of the candidate."""
    reward, gate = result["reward"], result.get("gate")
    low, high = reward["ci"]
    lines = [
        f"run {result['run']}",
        f"pairs: {result['pairs']['n']} of {result['pairs']['dialogues']} conversations",
        f"reward: agrees with {reward['accuracy']:.1%} [{low:.1%}, {high:.1%}] of {reward['n']} held-out pairs; the "
        f"longer answer with {reward['length_baseline']:.1%}; the judge with {reward['judge']['accuracy']:.1%}",
    ]
    if made := result.get("ppo"):
        name, kl = str(made.get("method", "ppo")).upper(), made.get("best_kl", made["kl"])
        lines.append(f"{name}: step {made['kept_step']:.0f} of {made['steps']:.0f} kept, KL {kl:.2f}")
    if gate:
        lines += ["", columns(gate_rows(gate["checks"])), ""]
    if result.get("version"):
        lines.append(
            f"{result['version']} {'answers from now on' if result.get('promoted') else 'is kept, not promoted'}"
        )
    return "\n".join(lines)


def reward(result: Mapping[str, Any]) -> str:
    """Format the result of `reward`: accuracy and baselines, then everything else."""
    if "accuracy" not in result:
        return plain(result)
    low, high = result["accuracy_ci"]
    lines = [
        f"{result['version']} in {result['folder']}",
        f"right on {result['accuracy']:.1%} [{low:.1%}, {high:.1%}] of {result['n']} pairs ({result['measured_on']})",
        *(
            f"{name.removesuffix('_baseline')} alone: {result[name]:.1%}"
            for name in ("length_baseline", "coverage_baseline", "similarity_baseline", "warm_baseline")
            if name in result
        ),
    ]
    rest = {name: value for name, value in result.items() if name not in ("version", "folder", "accuracy_ci")}
    return "\n".join([*lines, "", plain(rest)])


def runs(found: Sequence[Mapping[str, Any]]) -> str:
    """Format the table of runs."""
    if not found:
        return "no runs yet"
    rows = [["run", "stage", "state", "step", "held-out figure", "started"]]
    for run in found:
        dev = ", ".join(f"{name.removeprefix('dev_')} {value:.3f}" for name, value in (run["dev"] or {}).items())
        rows.append([run["name"], run["stage"], run["state"], str(run["step"]), dev or "-", run["started"]])
    return columns(rows)


def evaluation(result: Mapping[str, Any]) -> str:
    """Format the result of `evaluate`: figures with intervals, one column per mode."""
    if "accuracy" in result:
        return plain(result)
    modes = result.get("modes") or {result["mode"]: result}
    first = next(iter(modes.values()))
    rows = [
        ["", *modes],
        *([name, *(_with_interval(m[name], m["ci"][name], m[name]) for m in modes.values())] for name in first["ci"]),
        ["summaries/s", *(_number(m["summaries_per_second"], 2) for m in modes.values())],
    ]
    head = f"{result['model']}, {result['n']} conversations, 95 % intervals clustered by conversation"
    return f"{head}\n{first['scorer']}\n\n{columns(rows)}"


def comparison(result: Mapping[str, Any]) -> str:
    """Format the result of `compare`: both models' figures with the paired difference, then the largest differences."""
    rows = [["", "first", "second", "second - first", "win", "loss", "tie"]]
    for name, row in result["figures"].items():
        size = max(row["first"], row["second"])
        figures = [_number(row["first"], size), _number(row["second"], size)]
        wins = [str(row.get(kind, "-")) for kind in ("win", "loss", "tie")]
        rows.append([name, *figures, _with_interval(row["difference"], row["ci"], size), *wins])
    examples = (
        f"{row['id']}: {row['difference']:+.1f}\n  reference  {row['references'][0]}\n"
        f"  first      {row['first']}\n  second     {row['second']}"
        for row in result["largest"]
    )
    return "\n\n".join(
        [
            f"first: {result['first']}\nsecond: {result['second']}",
            f"{result['n']} conversations, 95 % intervals of the paired difference, clustered by conversation",
            columns(rows),
            f"Largest differences by {result['by']}:",
            *examples,
        ]
    )


def _with_interval(value: float, bounds: Sequence[float], size: float) -> str:
    return f"{_number(value, size)} [{_number(bounds[0], size)}, {_number(bounds[1], size)}]"


def _number(value: float | None, size: float) -> str:
    """Format rates (at most 1) with three decimals, everything else with one."""
    return "-" if value is None else f"{value:.{3 if size <= 1 else 1}f}"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Align rows of text in columns. Columns of numbers are aligned to the right."""
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
