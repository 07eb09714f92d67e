"""Short PPO runs for the tests: settings, rewards that can be checked by hand, and access to what a run wrote."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from training.cli import run as run_line
from training.ppo.config import PpoConfig
from training.ppo.stage import train
from training.ppo.trainer import PpoInputs
from training.reward.parts import RewardFunction, RewardParts
from training.runs.checkpoints import read_checkpoint
from training.runs.run import Run, StopRequested

SMALL = PpoConfig(
    reward=("length:5",),
    max_steps=4,
    batch_size=8,
    mini_batch_size=4,
    micro_batch_size=4,
    epochs=2,
    max_new_tokens=8,
    lora_rank=4,
    lora_alpha=8,
    learning_rate=2e-3,
    warmup_steps=2,
    missing_eos_penalty=0.0,
    kl_coefficient=0.05,
    kl_target=0.0,
    judge_every=0,
    save_every=2,
)


def letters(prompts: Sequence[str], responses: Sequence[str]) -> RewardParts:
    return {"e": [float(text.count("e")) for text in responses]}


def constant(value: float) -> RewardFunction:
    return lambda prompts, responses: {"constant": [value] * len(responses)}


def inputs_of(config: PpoConfig, model: Path, prompts: Path, **more: Any) -> PpoInputs:
    """Inputs with a reward for the letter e, unless `more` says otherwise."""
    return PpoInputs(**{"config": config, "model": model, "data": [prompts], "reward": letters, **more})


@contextlib.contextmanager
def a_run(config: PpoConfig, prompts: Path, root: Path) -> Iterator[Run]:
    run = Run.start("ppo", config, [prompts], config.seed, root=root)
    try:
        yield run
    finally:
        run.close()


def trained(
    config: PpoConfig, model: Path, prompts: Path, root: Path, reward: RewardFunction = letters, **more: Any
) -> tuple[list[dict[str, Any]], Path]:
    """Train in a new run. Return its metrics and its folder."""
    with a_run(config, prompts, root) as run:
        train(inputs_of(config, model, prompts, reward=reward, **more), root / "out", run, StopRequested())
        return run.metrics(), run.folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Every trained weight of a run's checkpoint."""
    trained_weights: dict[str, torch.Tensor] = read_checkpoint(folder / "checkpoint")[1]["trained"]
    return trained_weights


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if not name.startswith("time/")} for row in rows]


def are_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def assert_close(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    # Adam divides by the gradient's size, so rounding errors of tiny gradients show in the weights.
    for name, value in wanted.items():
        assert torch.allclose(found[name], value, atol=2e-4), name


QUICK = ["--batch-size=4", "--mini-batch-size=4", "--epochs=1", "--max-new-tokens=4", "--judge-prompts=2"]


def run_stage(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """Run `assistant-train ppo` with these arguments and return its JSON result."""
    assert run_line(["ppo", "--json", *words]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result
