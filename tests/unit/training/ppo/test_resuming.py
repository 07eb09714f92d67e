"""A PPO run that is stopped, killed or shared by two processes learns what an undisturbed one does."""

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from assistant.errors import UsageError
from assistant.locations import rewards_dir
from assistant.scoring.heads import WARM, find_reward
from tests.tiny_models import build_tiny_model
from tests.unit.training.ppo.ppo_runs import (
    QUICK,
    SMALL,
    a_run,
    are_equal,
    assert_close,
    inputs_of,
    run_stage,
    trained,
    weights,
    without_times,
)
from training.cli import run as run_line
from training.ppo.config import PpoConfig
from training.ppo.stage import train
from training.runs.distributed import Ranks
from training.runs.run import Run, StopRequested


def test_a_run_that_was_asked_to_stop_goes_on_where_it_stood(model: Path, prompts: Path, tmp_path: Path) -> None:
    config = replace(SMALL, judge_every=2, judge_prompts=2)
    wanted, folder = trained(config, model, prompts, tmp_path / "whole")
    stop = StopRequested()

    def stop_at_three(figures: Any) -> None:
        stop.requested = figures["step"] >= 2

    with a_run(config, prompts, tmp_path) as run:
        inputs = inputs_of(config, model, prompts)
        train(inputs, tmp_path / "out", run, stop, report=stop_at_three)
        assert run.load()[0] == 3 and not (tmp_path / "out").exists()  # type: ignore[index]
        train(inputs, tmp_path / "out", run, StopRequested())
        assert without_times(run.metrics()) == without_times(wanted)
        assert are_equal(weights(run.folder), weights(folder))


def test_a_run_is_not_resumed_with_another_model(model: Path, prompts: Path, tmp_path: Path) -> None:
    other = build_tiny_model(tmp_path / "other", seed=1)
    with a_run(SMALL, prompts, tmp_path) as run:
        train(inputs_of(SMALL, model, prompts), tmp_path / "out", run, StopRequested())
        with pytest.raises(UsageError, match="model or its adapter changed"):
            train(inputs_of(SMALL, other, prompts), tmp_path / "out", run, StopRequested())


def test_a_run_is_not_resumed_with_another_learnt_reward(
    model: Path, prompts: Path, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    folder = rewards_dir() / "r1"
    shutil.copytree(find_reward(WARM), folder)
    result = run_stage(capsys, f"--model={model}", f"--data={prompts}", "--max-steps=1", *QUICK, "--reward=2*human")
    shutil.copytree(folder, rewards_dir() / "r2")
    # The run goes on with r1, which it was started with, though r2 is the newest by now.
    assert run_stage(capsys, "--resume", result["run"])["version"] == result["version"]
    (folder / "head.safetensors").write_bytes((folder / "head.safetensors").read_bytes()[:-1] + b"\x7f")
    assert run_line(["ppo", "--resume", result["run"]]) == 2
    assert "learned reward changed" in capsys.readouterr().err


def in_a_process(work: Callable[[], None]) -> int:
    """Start a copy of this process that does the work; libraries are loaded already. Returns its number."""
    child = os.fork()
    if child:
        return child
    try:
        torch.set_num_threads(1)
        work()
    except BaseException as error:  # noqa: BLE001
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(1)
    os._exit(0)


def killed(config: PpoConfig, model: Path, prompts: Path, root: Path, is_time: Callable[[], bool]) -> None:
    """Work on the run in `root`, started where there is none, and kill it when it is time, or let it end."""

    def work() -> None:
        if any(root.glob("ppo-*/manifest.json")):
            run = Run.resume("ppo", None, config, [prompts], root=root)
        else:
            run = Run.start("ppo", config, [prompts], config.seed, root=root)
        train(inputs_of(config, model, prompts), root / "out", run, StopRequested())

    child = in_a_process(work)
    while not is_time():
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def check_kills(
    config: PpoConfig, model: Path, prompts: Path, root: Path, times: Callable[[float], Iterator[Callable[[], bool]]]
) -> None:
    """Compare a run that was killed at the times, of which `times` makes a list from a whole run's seconds."""
    torch.set_num_threads(1)
    start = time.monotonic()
    wanted, folder = trained(config, model, prompts, root / "whole")
    for is_time in times(time.monotonic() - start):
        killed(config, model, prompts, root / "killed", is_time)
    killed(config, model, prompts, root / "killed", lambda: False)
    (found,) = (root / "killed").glob("ppo-*")
    rows = [json.loads(line) for line in (found / "metrics.jsonl").read_text().splitlines()]
    assert without_times(rows) == without_times(wanted)
    assert are_equal(weights(found), weights(folder))
    assert not list(found.glob(".*.part")), "half-written checkpoints are cleared away"
    for file in ("adapter_model.safetensors", "value_head.safetensors"):
        assert (root / "killed/out" / file).read_bytes() == (root / "whole/out" / file).read_bytes()


def anchor(folder: Path) -> Path:
    path = folder / "anchor.jsonl"
    rows = [{"prompt": f"Maya: The report {n} is late.", "summary": f"Report {n} is late."} for n in range(5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_killed_run_ends_as_if_it_had_not_been(model: Path, prompts: Path, tmp_path: Path) -> None:
    config = replace(SMALL, max_steps=6, judge_every=3, judge_prompts=2, kl_target=1.0, kl_horizon=100, average=0.5)
    config = replace(config, anchor=str(anchor(tmp_path)))

    def has_made_step_three() -> bool:
        # The last checkpoint is that of step 2 then.
        return any('"step": 3' in path.read_text() for path in tmp_path.glob("killed/ppo-*/metrics.jsonl"))

    check_kills(config, model, prompts, tmp_path, lambda whole: iter([has_made_step_three]))


@pytest.mark.slow
def test_ten_kills_at_random_moments_leave_no_trace(model: Path, prompts: Path, tmp_path: Path) -> None:
    config = replace(SMALL, max_steps=20, judge_every=3, judge_prompts=4, kl_target=1.0, kl_horizon=100, save_every=1)
    moments = random.Random(5)

    def ten_times(whole: float) -> Iterator[Callable[[], bool]]:
        for _ in range(10):
            deadline = time.monotonic() + moments.uniform(0.2, 0.7) * whole
            yield lambda deadline=deadline: time.monotonic() > deadline  # type: ignore[misc]

    check_kills(config, model, prompts, tmp_path, ten_times)


def test_two_processes_learn_what_one_learns(model: Path, prompts: Path, tmp_path: Path) -> None:
    config = replace(SMALL, max_steps=3, whiten_rewards=True, judge_every=3, judge_prompts=2)
    wanted, folder = trained(config, model, prompts, tmp_path / "one")

    def work(rank: int) -> None:
        torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=rank, world_size=2)
        run = Run.start("ppo", config, [prompts], config.seed, root=tmp_path / "two") if rank == 0 else None
        ranks = Ranks()
        out = tmp_path / "two" / "out"
        train(inputs_of(config, model, prompts), out, run, StopRequested(), ranks=ranks)
        torch.distributed.destroy_process_group()

    children = [in_a_process(lambda rank=rank: work(rank)) for rank in (0, 1)]  # type: ignore[misc]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    (found,) = (tmp_path / "two").glob("ppo-*")
    rows = [json.loads(line) for line in (found / "metrics.jsonl").read_text().splitlines()]
    for row, other in zip(without_times(rows), without_times(wanted), strict=True):
        assert row == pytest.approx(other, abs=1e-3)
    assert_close(weights(found), weights(folder))
