"""Short preference runs for the tests: settings, files of pairs and thumbs, and access to what a run wrote."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.records import ModelVersion
from training.cli import run as run_line
from training.prefer.config import PreferConfig
from training.prefer.examples import Material, material_of, read_preferred
from training.prefer.stage import train
from training.runs.run import Run, StopRequested

SMALL = PreferConfig(
    max_steps=4,
    batch_size=4,
    micro_batch_size=2,
    lora_rank=4,
    lora_alpha=8,
    learning_rate=5e-3,
    held_out=0.25,
    judge_every=2,
    kl_prompts=2,
    max_new_tokens=4,
    save_every=2,
)
GOOD, BAD = "The review moves to Friday.", "Yes, I'll bring the report."


def pair_rows(count: int = 12) -> list[dict[str, Any]]:
    return [
        {
            "dialogue": f"Maya: The review {n} moves to Friday.{' Yes.' * (n % 5)}\nTom: Yes.",
            "chosen": GOOD,
            "rejected": BAD,
        }
        for n in range(count)
    ]


def thumb_rows(count: int = 12) -> list[dict[str, Any]]:
    return [
        {"dialogue": row["dialogue"], "completion": (GOOD, BAD)[n % 3 == 0], "label": n % 3 != 0}
        for n, row in enumerate(pair_rows(count))
    ]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def version_at(folder: Path) -> ModelVersion:
    return ModelVersion(ref="tiny", folder=str(folder), kind="path")


@contextlib.contextmanager
def a_run(config: PreferConfig, data: Path, root: Path) -> Iterator[Run]:
    run = Run.start("prefer", config, [data], config.seed, root=root)
    try:
        yield run
    finally:
        run.close()


def material(config: PreferConfig, model: Path, data: Path) -> Material:
    return material_of(read_preferred([data]), None, version_at(model), config)


def trained(
    config: PreferConfig, model: Path, data: Path, root: Path, adapter: Path | None = None, **more: Any
) -> tuple[list[dict[str, Any]], dict[str, float], Path]:
    """Train in a new run. Return its metrics, its last figures and its folder."""
    found = material(config, model, data)
    prompts = [example.prompt for example in found.held_out]
    with a_run(config, data, root) as run:
        figures = train(config, model, adapter, found, prompts, root / "out", run, StopRequested(), **more)
        return run.metrics(), figures, run.folder


QUICK = ["--batch-size=4", "--max-steps=4", "--kl-prompts=2", "--max-new-tokens=4", "--judge-every=2"]


def run_stage(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """Run `assistant-train prefer` with these arguments and return its JSON result."""
    assert run_line(["prefer", "--json", *words]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result
