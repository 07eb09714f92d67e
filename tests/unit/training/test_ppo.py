"""PPO on a real T5 of 60,000 random parameters, paid for the letter e."""

import contextlib
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import load_file

from assistant.errors import DataMissing, TrainingStopped, UsageError
from assistant.locations import rewards_dir
from assistant.models.registry import promoted_ref
from assistant.models.versions import read_facts
from assistant.scoring.heads import WARM, find_reward
from tests.tiny_models import build_tiny_model
from training.checkpoints import read_checkpoint
from training.cli import run as run_line
from training.ppo import train
from training.ranks import Ranks
from training.recipes.ppo import GuardLimits, PpoConfig
from training.rewards import RewardFunction, RewardParts
from training.runs import Run, StopRequested

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


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "prompts.jsonl"
    rows = [{"prompt": f"Maya: The review {n} moves to Friday." + " Yes." * (n % 7)} for n in range(24)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


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
    """The metrics of a run of its own and the folder it wrote to."""
    with a_run(config, prompts, root) as run:
        train(config, model, None, [prompts], None, root / "out", run, StopRequested(), reward=reward, **more)
        return run.metrics(), run.folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Every trained weight of a run's checkpoint."""
    trained_weights: dict[str, torch.Tensor] = read_checkpoint(folder / "checkpoint")[1]["trained"]
    return trained_weights


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if not name.startswith("time/")} for row in rows]


def are_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_first_step_starts_at_no_kl_and_ratio_one(model: Path, prompts: Path, tmp_path: Path) -> None:
    # One mini-batch, one epoch: every ratio is seen before any update.
    config = replace(SMALL, max_steps=2, mini_batch_size=8, epochs=1, micro_batch_size=3)
    first, second = trained(config, model, prompts, tmp_path)[0]
    assert abs(first["objective/kl"]) <= 1e-5
    for row in (first, second):
        assert row["val/ratio"] == pytest.approx(1.0, abs=1e-5)
        assert row["val/ratio_var"] <= 1e-9
        assert row["policy/clipfrac_avg"] == 0.0
    assert second["objective/kl_steady"] > 1e-6


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_reward_that_says_nothing_moves_nothing(value: float, model: Path, prompts: Path, tmp_path: Path) -> None:
    rows, folder = trained(SMALL, model, prompts, tmp_path, constant(value))
    assert max(abs(row["objective/kl"]) for row in rows) <= 1e-5
    assert all(not value.any() for name, value in weights(folder).items() if "lora_B" in name)


def test_only_the_adapter_and_the_value_head_change(model: Path, prompts: Path, tmp_path: Path) -> None:
    before = load_file(model / "model.safetensors")
    seen: list[dict[str, torch.Tensor]] = []
    from training import trainer

    original = trainer.load_policy

    def remembering(*args: Any, **kwargs: Any) -> Any:
        policy = original(*args, **kwargs)
        seen.append(dict(policy.model.named_parameters()) | policy.trainable())
        seen.append({name: value.detach().clone() for name, value in seen[0].items()})
        return policy

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "load_policy", remembering)
        trained(SMALL, model, prompts, tmp_path)
    after, at_first = seen
    changed = {name for name, value in after.items() if not torch.equal(value, at_first[name])}
    assert changed and all(".policy." in name or name.startswith("value_head.") for name in changed)
    assert {"value_head.weight", "value_head.bias"} < changed
    assert are_equal(before, load_file(model / "model.safetensors"))


LEARNING = replace(
    SMALL,
    batch_size=128,
    mini_batch_size=64,
    micro_batch_size=64,
    rollout_batch_size=128,
    epochs=4,
    lora_rank=16,
    lora_alpha=32,
    learning_rate=3e-3,
    save_every=50,
)


def vowels(prompts: Sequence[str], responses: Sequence[str]) -> RewardParts:
    return {"vowels": [float(sum(text.count(letter) for letter in "aeiou")) for text in responses]}


def check_learning(steps: int, seed: int, gain: float, model: Path, prompts: Path, root: Path) -> None:
    rows, _ = trained(replace(LEARNING, max_steps=steps, seed=seed), model, prompts, root, vowels)
    scores = [row["objective/scores"] for row in rows]
    assert sum(scores[-2:]) > gain * sum(scores[:2])
    assert rows[-1]["objective/kl"] > 1.0


def test_the_reward_rises(model: Path, prompts: Path, tmp_path: Path) -> None:
    check_learning(8, 1, 1.4, model, prompts, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_reward_rises_threefold_over_three_seeds(seed: int, model: Path, prompts: Path, tmp_path: Path) -> None:
    check_learning(18, seed, 3.0, model, prompts, tmp_path)


def test_a_high_kl_coefficient_keeps_the_policy_near_the_reference(model: Path, prompts: Path, tmp_path: Path) -> None:
    rows, _ = trained(replace(LEARNING, max_steps=5, kl_coefficient=20.0), model, prompts, tmp_path, vowels)
    # At the coefficient of the test above the same steps lead to a KL of 0.5 and more.
    assert abs(rows[-1]["objective/kl"]) < 0.25


def test_the_adaptive_coefficient_pulls_towards_its_target(model: Path, prompts: Path, tmp_path: Path) -> None:
    rows, _ = trained(replace(SMALL, kl_target=0.5, kl_horizon=16), model, prompts, tmp_path)
    # KL 0 at first: an error of -0.2 and 8 of 16 samples make 0.05 * (1 - 0.2 * 0.5) = 0.045.
    assert [rows[0]["objective/kl_coef"], rows[1]["objective/kl_coef"]] == pytest.approx([0.05, 0.045])


def test_a_missing_end_of_text_is_taken_off_the_score(model: Path, prompts: Path, tmp_path: Path) -> None:
    rows, _ = trained(replace(SMALL, max_steps=1, missing_eos_penalty=2.0), model, prompts, tmp_path, constant(1.0))
    (row,) = rows
    assert row["objective/scores"] == pytest.approx(1.0 - 2.0 * (1 - row["response/eos_share"]))
    assert row["response/eos_share"] < 1.0


def test_settings_that_only_spread_the_work_change_no_result(model: Path, prompts: Path, tmp_path: Path) -> None:
    short = replace(SMALL, max_steps=2)
    plain, folder = trained(short, model, prompts, tmp_path / "a")
    spread = replace(short, micro_batch_size=1, rollout_batch_size=3)
    found, other = trained(spread, model, prompts, tmp_path / "b")
    for row, wanted in zip(without_times(found), without_times(plain), strict=True):
        assert row == pytest.approx(wanted, abs=1e-3)
    assert_close(weights(other), weights(folder))


def test_decoder_adapters_learn_the_same_with_the_encoder_read_once_or_each_time(
    model: Path, prompts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import updates

    cached, folder = trained(SMALL, model, prompts, tmp_path / "a")
    passes = updates.Learner._passes

    def encoding_again(self: Any, rollout: Any, batch: Any) -> Any:
        rollout.encoded = None
        return passes(self, rollout, batch)

    monkeypatch.setattr(updates.Learner, "_passes", encoding_again)
    again, other = trained(SMALL, model, prompts, tmp_path / "b")
    assert_close(weights(other), weights(folder))
    assert [row["objective/scores"] for row in cached] == [row["objective/scores"] for row in again]


def assert_close(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    # Adam divides by the gradient's size, so that rounding in tiny gradients shows in the weights.
    for name, value in wanted.items():
        assert torch.allclose(found[name], value, atol=2e-4), name


def test_encoder_adapters_train_too(model: Path, prompts: Path, tmp_path: Path) -> None:
    rows, folder = trained(replace(SMALL, adapt="all", max_steps=3), model, prompts, tmp_path)
    assert abs(rows[0]["objective/kl"]) <= 1e-5
    assert any(".encoder." in name and "lora_B" in name and value.any() for name, value in weights(folder).items())


def test_the_judge_s_favourite_at_bounded_kl_is_kept(model: Path, prompts: Path, tmp_path: Path) -> None:
    verdicts = iter([1.0, 5.0, 3.0, 9.0])

    def judge(texts: Sequence[str], responses: Sequence[str]) -> list[float]:
        verdict = next(verdicts)
        return [verdict] * len(responses)

    config = replace(SMALL, max_steps=3, judge_every=1, judge_prompts=3, best_max_kl=1e9)
    with a_run(config, prompts, tmp_path) as run:
        # Judged before step 1 and after each of three; the last, a 9, comes at too high a KL.
        figures = train(
            replace(config, best_max_kl=1e9, max_steps=2),
            *(model, None, [prompts], None, tmp_path / "out", run, StopRequested()),
            reward=letters,
            judge=judge,
        )
        best = run.load("best")
    assert figures["kept_step"] == 1.0 and figures["best_judge"] == 5.0
    assert best is not None and best[0] == 1
    kept = load_file(tmp_path / "out" / "adapter_model.safetensors")
    wanted = best[1]["trained"]
    assert all(torch.equal(value, wanted[name.replace(".weight", ".policy.weight")]) for name, value in kept.items())


def test_no_policy_beyond_the_bound_on_kl_becomes_the_best(model: Path, prompts: Path, tmp_path: Path) -> None:
    rising = iter(range(10))
    config = replace(SMALL, max_steps=3, judge_every=1, judge_prompts=2, best_max_kl=-1.0)
    with a_run(config, prompts, tmp_path) as run:
        train(
            config,
            *(model, None, [prompts], None, tmp_path / "out", run, StopRequested()),
            reward=letters,
            judge=lambda texts, responses: [float(next(rising))] * len(responses),
        )
        assert run.load("best") is None
        assert [row["dev_judge"] for row in run.metrics() if "dev_judge" in row] == [0.0, 1.0, 2.0, 3.0]


def test_what_may_not_be_kept_does_not_become_the_best(model: Path, prompts: Path, tmp_path: Path) -> None:
    rising, asked = iter(range(10)), iter([True, False, True, False])
    config = replace(SMALL, max_steps=3, judge_every=1, judge_prompts=2, best_max_kl=1e9)
    with a_run(config, prompts, tmp_path) as run:
        figures = train(
            config,
            *(model, None, [prompts], None, tmp_path / "out", run, StopRequested()),
            reward=letters,
            judge=lambda texts, responses: [float(next(rising))] * len(responses),
            may_keep=lambda texts, responses: next(asked),
        )
        assert [row["may_keep"] for row in run.metrics() if "may_keep" in row] == [1, 0, 1, 0]
    # Judged 0, 1, 2, 3: the third is the best of the first and the third.
    assert (figures["kept_step"], figures["best_judge"]) == (2.0, 2.0)


def test_a_run_that_was_asked_to_stop_goes_on_where_it_stood(model: Path, prompts: Path, tmp_path: Path) -> None:
    config = replace(SMALL, judge_every=2, judge_prompts=2)
    wanted, folder = trained(config, model, prompts, tmp_path / "whole")
    stop = StopRequested()

    def stop_at_three(figures: Any) -> None:
        stop.requested = figures["step"] >= 2

    with a_run(config, prompts, tmp_path) as run:
        parts = (model, None, [prompts], None, tmp_path / "out", run)
        train(config, *parts, stop, reward=letters, report=stop_at_three)
        assert run.load()[0] == 3 and not (tmp_path / "out").exists()  # type: ignore[index]
        train(config, *parts, StopRequested(), reward=letters)
        assert without_times(run.metrics()) == without_times(wanted)
        assert are_equal(weights(run.folder), weights(folder))


def test_a_run_is_not_resumed_with_another_model(model: Path, prompts: Path, tmp_path: Path) -> None:
    other = build_tiny_model(tmp_path / "other", seed=1)
    with a_run(SMALL, prompts, tmp_path) as run:
        train(SMALL, model, None, [prompts], None, tmp_path / "out", run, StopRequested(), reward=letters)
        with pytest.raises(UsageError, match="model or its adapter changed"):
            train(SMALL, other, None, [prompts], None, tmp_path / "out", run, StopRequested(), reward=letters)


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
    assert "learnt reward changed" in capsys.readouterr().err


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
        train(config, model, None, [prompts], None, root / "out", run, StopRequested(), reward=letters)

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


def test_a_killed_run_ends_as_if_it_had_not_been(model: Path, prompts: Path, tmp_path: Path) -> None:
    config = replace(SMALL, max_steps=6, judge_every=3, judge_prompts=2, kl_target=1.0, kl_horizon=100)

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
        train(config, model, None, [prompts], None, out, run, StopRequested(), reward=letters, ranks=ranks)
        torch.distributed.destroy_process_group()

    children = [in_a_process(lambda rank=rank: work(rank)) for rank in (0, 1)]  # type: ignore[misc]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    (found,) = (tmp_path / "two").glob("ppo-*")
    rows = [json.loads(line) for line in (found / "metrics.jsonl").read_text().splitlines()]
    for row, other in zip(without_times(rows), without_times(wanted), strict=True):
        assert row == pytest.approx(other, abs=1e-3)
    assert_close(weights(found), weights(folder))


QUICK = ["--batch-size=4", "--mini-batch-size=4", "--epochs=1", "--max-new-tokens=4", "--judge-prompts=2"]


def run_stage(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """The result of `assistant-train ppo` with these words."""
    assert run_line(["ppo", "--json", *words]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_the_stage_runs_from_the_command_line_and_resumes(
    model: Path, prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"--model={model}", f"--data={prompts}", "--max-steps=2", *QUICK, f"--out={tmp_path}"]
    result = run_stage(capsys, *given, "--reward=length:5", "--reward=-2*repetition")
    assert result["adapter"] == str(tmp_path) and (tmp_path / "adapter_model.safetensors").is_file()
    assert Path(result["curves"]).suffix == ".png" and Path(result["curves"]).is_file() and result["steps"] == 2.0
    assert "version" not in result, "what was asked for as a folder is no version"
    assert run_line(["ppo", "--resume", result["run"]]) == 0
    assert "KL to the reference" in capsys.readouterr().out


def test_a_run_makes_one_version_and_the_next_trains_its_adapter_further(
    model: Path, prompts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"--data={prompts}", "--max-steps=2", *QUICK]
    first = run_stage(capsys, *given, f"--model={model}")
    assert promoted_ref() is None
    facts = read_facts(first["version"])
    assert facts is not None and facts.adapter and (facts.base, facts.parent) == (str(model), "")
    assert (facts.method, facts.run) == ("ppo", first["run"]) and facts.config["max_steps"] == 2
    assert run_stage(capsys, "--resume", first["run"])["version"] == first["version"]

    second = run_stage(capsys, *given, f"--model={first['version']}", "--learning-rate=0", "--value-learning-rate=0")
    assert second["version"] != first["version"]
    facts = read_facts(second["version"])
    assert facts is not None and (facts.base, facts.parent) == (str(model), first["version"])
    # At a rate of 0 the copy is what it was copied from.
    kept, parent = (load_file(Path(result["adapter"]) / "adapter_model.safetensors") for result in (second, first))
    assert are_equal(kept, parent)


def test_a_version_s_own_adapter_is_not_passed_over_for_another(
    model: Path, prompts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run_stage(capsys, f"--data={prompts}", "--max-steps=1", *QUICK, f"--model={model}")
    again = [f"--model={first['version']}", f"--adapter={first['adapter']}"]
    assert run_line(["ppo", f"--data={prompts}", *again]) == 2
    assert "has an adapter of its own" in capsys.readouterr().err


def test_a_guard_s_stop_is_exit_code_five(model: Path, prompts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--batch-size=4", "--mini-batch-size=4", "--epochs=1", "--max-new-tokens=4", "--judge-every=0"]
    limits = ["--max-length-growth=0.0", "--patience=1"]
    assert run_line(["ppo", f"--model={model}", f"--data={prompts}", *small, *limits]) == 5
    assert "missing_eos_penalty" in capsys.readouterr().err


def test_a_guard_keeps_the_last_good_checkpoint(model: Path, prompts: Path, tmp_path: Path) -> None:
    limits = GuardLimits(max_kl=0.02, patience=2)
    config = replace(SMALL, max_steps=30, save_every=1, guards=limits)
    with a_run(config, prompts, tmp_path) as run:
        with pytest.raises(TrainingStopped, match="kl_coefficient") as stopped:
            train(config, model, None, [prompts], None, tmp_path / "out", run, StopRequested(), reward=letters)
        at = int(str(stopped.value).partition("step ")[2].partition(":")[0])
        saved = run.load()
    # The second strike stops step `at`, the first counted in the step before: neither's state is kept.
    assert stopped.value.exit_code == 5
    assert saved is not None and saved[0] == at - 2
    kept = load_file(run.folder / "last_good" / "adapter_model.safetensors")
    trained_weights = saved[1]["trained"]
    assert all(torch.equal(kept[name], trained_weights[name.replace(".weight", ".policy.weight")]) for name in kept)
    assert str(run.folder / "last_good") in str(stopped.value)


def test_a_reward_that_is_no_number_stops_the_run(model: Path, prompts: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingStopped, match="objective/scores was nan at step 1"):
        trained(SMALL, model, prompts, tmp_path, constant(float("nan")))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"mini_batch_size": 3}, "multiple of mini_batch_size"),
        ({"temperature": 0.0}, "temperature"),
        ({"reward": ("kindness",)}, "unknown reward part"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    change: dict[str, Any], complaint: str, model: Path, prompts: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=complaint):
        trained(replace(SMALL, **change), model, prompts, tmp_path, reward=None)  # type: ignore[arg-type]


def test_too_few_prompts_to_hold_some_out_are_refused(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "few.jsonl"
    path.write_text('{"prompt": "Hi"}\n')
    with pytest.raises(DataMissing, match="judge_every"):
        trained(replace(SMALL, judge_every=1), model, path, tmp_path)
