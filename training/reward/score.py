"""Scores texts by the composite reward: `assistant-train score`."""

import json
import random
from dataclasses import replace
from typing import Any

from assistant.errors import DataMissing, UsageError
from assistant.files import write_atomically
from training.reward.config import ScoreConfig
from training.reward.parts import built_in, parse_terms, weighted
from training.runs.data.datasets import read_rows
from training.runs.job import Job


def run(job: Job[ScoreConfig]) -> dict[str, Any]:
    """Run `assistant-train score`: score the rows and return the mean of the score and of each part."""
    rows = _read(job)
    terms = parse_terms(job.config.reward)
    if job.model:
        terms = [replace(term, setting=job.model) if term.part == "human" else term for term in terms]
    reward = built_in(terms)
    scored: list[dict[str, Any]] = []
    for first in range(0, len(rows), job.config.batch_size):
        batch = rows[first : first + job.config.batch_size]
        parts = reward([_conversation(row) for row in batch], [row["completion"] for row in batch])
        for place, (row, total) in enumerate(zip(batch, weighted(parts, terms, len(batch)), strict=True)):
            scored.append({**row, "score": total, "parts": {name: values[place] for name, values in parts.items()}})
        job.report({"step": len(scored), "fraction": len(scored) / len(rows)})
    if job.out:
        lines = [json.dumps(row, ensure_ascii=False) for row in scored]
        write_atomically(job.out.absolute(), ("\n".join(lines) + "\n").encode())
    found: dict[str, Any] = {
        "n": len(scored),
        "reward": [f"{term.weight:g}*{term.part}" + (f":{term.setting}" if term.setting else "") for term in terms],
        "score": _mean([row["score"] for row in scored]),
        "parts": {name: _mean([row["parts"][name] for row in scored]) for name in scored[0]["parts"]},
        "out": str(job.out) if job.out else None,
    }
    return found if job.out else found | {"scores": scored}


def _read(job: Job[ScoreConfig]) -> list[dict[str, Any]]:
    rows = []
    for path in job.data:
        for number, row in enumerate(read_rows(path), start=1):
            if not isinstance(row.get("completion"), str) or not isinstance(
                row.get("dialogue", row.get("prompt")), str
            ):
                raise UsageError(f'{path}, row {number}: needs texts "completion" and "dialogue" or "prompt"')
            rows.append(row)
    if not rows:
        raise DataMissing("there is nothing to score: give --data with rows of dialogue (or prompt) and completion")
    if not 0 < job.config.max_steps < len(rows):
        return rows
    drawn = random.Random(job.config.seed).sample(range(len(rows)), job.config.max_steps)
    return [rows[place] for place in sorted(drawn)]


def _conversation(row: dict[str, Any]) -> str:
    return str(row.get("dialogue", row.get("prompt")))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
