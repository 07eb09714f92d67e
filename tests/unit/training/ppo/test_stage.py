"""PPO on a real T5 of 60,000 random parameters, paid for the letter e."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import load_file

from assistant.errors import DataMissing, TrainingStopped, UsageError
from assistant.locations import models_dir
from assistant.models.registry import promoted_ref
from assistant.models.versions import read_facts
from tests.unit.training.ppo.ppo_runs import (
    QUICK,
    SMALL,
    a_run,
    are_equal,
    assert_close,
    constant,
    inputs_of,
    run_stage,
    trained,
    weights,
    without_times,
)
from training.cli import run as run_line
from training.ppo.config import GuardLimits
from training.ppo.stage import train
from training.reward.parts import RewardParts
from training.runs.run import StopRequested


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
    from training.ppo import trainer

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
    from training.ppo import updates

    cached, folder = trained(SMALL, model, prompts, tmp_path / "a")
    passes = updates.Learner._passes

    def encoding_again(self: Any, rollout: Any, batch: Any) -> Any:
        rollout.encoded = None
        return passes(self, rollout, batch)

    monkeypatch.setattr(updates.Learner, "_passes", encoding_again)
    again, other = trained(SMALL, model, prompts, tmp_path / "b")
    assert_close(weights(other), weights(folder))
    assert [row["objective/scores"] for row in cached] == [row["objective/scores"] for row in again]


def test_encoder_adapters_train_too(model: Path, prompts: Path, tmp_path: Path) -> None:
    rows, folder = trained(replace(SMALL, adapt="all", max_steps=3), model, prompts, tmp_path)
    assert abs(rows[0]["objective/kl"]) <= 1e-5
    assert any(".encoder." in name and "lora_B" in name and value.any() for name, value in weights(folder).items())


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
    # A version whose facts cannot be read is none of this run's business.
    shutil.copytree(models_dir() / first["version"], models_dir() / "damaged")
    (models_dir() / "damaged" / "version.json").write_text("{")
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
    assert "has its own adapter" in capsys.readouterr().err


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
            train(inputs_of(config, model, prompts), tmp_path / "out", run, StopRequested())
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


def test_the_entropy_bonus_keeps_the_policy_undecided(model: Path, prompts: Path, tmp_path: Path) -> None:
    # A reward that is the same for everything, and no KL penalty: the bonus alone moves the policy.
    found = {}
    for bonus in (-1.0, 0.0, 1.0):
        config = replace(SMALL, entropy_coefficient=bonus, kl_coefficient=0.0, learning_rate=0.02, epochs=4)
        rows, _ = trained(config, model, prompts, tmp_path / str(bonus), constant(0.0))
        found[bonus] = rows[-1]["policy/entropy_avg"]
    assert found[-1.0] < found[0.0] < found[1.0]


def test_adapter_and_value_head_learn_at_their_own_rates(model: Path, prompts: Path, tmp_path: Path) -> None:
    found = {}
    for rates in ((0.0, 0.0), (0.0, 0.01), (0.01, 0.0)):
        config = replace(SMALL, learning_rate=rates[0], value_learning_rate=rates[1])
        found[rates] = weights(trained(config, model, prompts, tmp_path / str(rates))[1])
    still = found[0.0, 0.0]
    for rates, head_moves in (((0.0, 0.01), True), ((0.01, 0.0), False)):
        moved = {name for name, value in found[rates].items() if not torch.equal(value, still[name])}
        assert moved and all(name.startswith("value_head") == head_moves for name in moved)


def test_the_rate_follows_the_schedule(model: Path, prompts: Path, tmp_path: Path) -> None:
    config = replace(SMALL, max_steps=3, warmup_steps=1, learning_rate=2e-3, lr_schedule="cosine")
    with a_run(config, prompts, tmp_path) as run:
        train(inputs_of(config, model, prompts), tmp_path / "out", run, StopRequested())
        rates = [row["lr"] for row in run.metrics() if "lr" in row]
    # One step rises, two fall: (1 + cos(pi * done / 2)) / 2 is 1 and then 1/2.
    assert rates == pytest.approx([2e-3, 2e-3, 1e-3])
