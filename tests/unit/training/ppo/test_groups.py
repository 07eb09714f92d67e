"""RLOO and GRPO: several responses to a prompt, each compared with the others, and no value head."""

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from assistant.errors import UsageError
from assistant.models.versions import read_facts
from tests.unit.training.ppo.ppo_runs import (
    QUICK,
    SMALL,
    a_run,
    are_equal,
    inputs_of,
    run_stage,
    trained,
    weights,
    without_times,
)
from tests.unit.training.ppo.test_resuming import killed
from training.ppo.config import Estimator, PpoConfig
from training.ppo.experience import experience_of_groups
from training.ppo.maths import group_normalized_advantages, leave_one_out_advantages
from training.ppo.rollouts import Rollout
from training.ppo.stage import train
from training.ppo.trainer import Trainer
from training.runs.distributed import Ranks
from training.runs.run import StopRequested

METHODS: tuple[Estimator, ...] = ("rloo", "grpo")


def config_of(method: Estimator, **more: Any) -> PpoConfig:
    return replace(SMALL, method=method, samples=4, **more)


def a_rollout() -> Rollout:
    """Four responses, of 2, 1, 2 and 2 tokens, the first two to one prompt."""
    mask = torch.tensor([[1, 1], [1, 0], [1, 1], [1, 1]], dtype=torch.bool)
    logprobs = torch.tensor([[-1.0, -1.0], [-2.0, 0.0], [-1.0, -3.0], [-1.0, -1.0]])
    reference = torch.tensor([[-1.5, -2.5], [-1.0, 0.0], [-1.0, -3.0], [-1.0, -1.0]])
    zeros = torch.zeros(4, 2)
    return Rollout(
        prompts=["a", "a", "b", "b"],
        responses=["w", "x", "y", "z"],
        source=zeros,
        source_mask=zeros,
        encoded=None,
        tokens=zeros,
        mask=mask,
        ended=mask[:, 0],
        logprobs=logprobs,
        reference_logprobs=reference,
        values=zeros,
        entropy=zeros,
    )


def test_rloo_takes_the_kl_off_the_score_and_grpo_has_it_in_the_loss() -> None:
    scores = torch.tensor([3.0, 1.0, 2.0, 5.0])
    found = experience_of_groups(a_rollout(), scores, "rloo", 2, 0.5)
    # KL 0.5 + 1.5 = 2 and -1: rewards 3 - 1 = 2 and 1 + 0.5 = 1.5, each less the other; then 2 and 5. Padding has none.
    wanted = torch.tensor([[0.5, 0.5], [-0.5, 0.0], [-3.0, -3.0], [3.0, 3.0]])
    assert torch.allclose(found.advantages, wanted) and found.kl_weight == 0.0
    found = experience_of_groups(a_rollout(), scores, "grpo", 2, 0.5)
    # Of two, the distance to the mean over the spread is 1 / sqrt(2), whatever they are.
    wanted = torch.tensor([[0.7071, 0.7071], [-0.7071, 0.0], [-0.7071, -0.7071], [0.7071, 0.7071]])
    assert torch.allclose(found.advantages, wanted, atol=1e-3) and found.kl_weight == 0.5


@pytest.mark.parametrize("method", METHODS)
def test_advantages_are_trl_s(method: Estimator, model: Path, tmp_path: Path) -> None:
    """Those that TRL's own trainer makes of the same rewards, on a causal toy model."""
    import warnings

    from datasets import Dataset
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
    from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

    tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=True)
    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    rewards = [1.0, 2.0, 6.0, -1.0, 0.5, 0.5, 0.25, 4.0]
    settings: dict[str, Any] = {
        "output_dir": str(tmp_path),
        "per_device_train_batch_size": 8,
        "num_generations": 4,
        "max_completion_length": 4,
        "beta": 0.0,
        "report_to": [],
        "use_cpu": True,
        "bf16": False,
    }
    kinds: dict[str, Any] = {"rloo": (RLOOTrainer, RLOOConfig), "grpo": (GRPOTrainer, GRPOConfig)}
    trainer, configuration = kinds[method]
    rows = [{"prompt": f"Maya: Review {n}."} for n in range(2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = trainer(
            LlamaForCausalLM(shape),
            reward_funcs=lambda completions, **rest: rewards,
            args=configuration(**settings),
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
        )
        found = made._generate_and_score_completions([row for row in rows for _ in range(4)])
    ours = leave_one_out_advantages if method == "rloo" else group_normalized_advantages
    assert torch.allclose(ours(torch.tensor(rewards), 4), found["advantages"].cpu(), atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_it_asks_each_prompt_several_times_and_moves_the_adapter_alone(
    method: Estimator, model: Path, prompts: Path
) -> None:
    trainer = Trainer(inputs_of(config_of(method), model, prompts), Ranks())
    before = {name: value.detach().clone() for name, value in trainer.policy.trainable().items()}
    asked: list[list[str]] = []
    reward = trainer._reward

    def watched(questions: Any, responses: Any) -> Any:
        asked.append(list(questions))
        return reward(questions, responses)

    trainer._reward = watched
    metrics, _ = trainer.step()
    (questions,) = asked
    assert [questions.count(one) for one in dict.fromkeys(questions)] == [4, 4]
    assert questions[0] == questions[3] != questions[4]
    assert metrics["objective/kl"] == 0.0 and "val/explained_variance" not in metrics
    moved = {name for name, value in trainer.policy.trainable().items() if not torch.equal(value, before[name])}
    assert moved and not any(name.startswith("value_head") for name in moved)


@pytest.mark.parametrize("method", METHODS)
def test_a_dear_kl_holds_the_policy_near_its_reference(
    method: Estimator, model: Path, prompts: Path, tmp_path: Path
) -> None:
    moved = {}
    for coefficient in (0.0, 20.0):
        config = config_of(method, kl_coefficient=coefficient, max_steps=6)
        rows, _ = trained(config, model, prompts, tmp_path / str(coefficient))
        moved[coefficient] = sum(row["objective/kl_steady"] for row in rows if "objective/kl_steady" in row)
    assert moved[20.0] < moved[0.0]


@pytest.mark.parametrize("method", METHODS)
def test_a_run_that_was_stopped_or_killed_repeats_the_one_that_was_not(
    method: Estimator, model: Path, prompts: Path, tmp_path: Path
) -> None:
    config = config_of(method, judge_every=2, judge_prompts=2)
    wanted, folder = trained(config, model, prompts, tmp_path / "whole")
    stop = StopRequested()

    def stop_at_three(figures: Any) -> None:
        stop.requested = figures["step"] >= 2

    with a_run(config, prompts, tmp_path / "stopped") as run:
        inputs = inputs_of(config, model, prompts)
        train(inputs, tmp_path / "out", run, stop, report=stop_at_three)
        assert run.load()[0] == 3  # type: ignore[index]
        train(inputs, tmp_path / "out", run, StopRequested())
        assert without_times(run.metrics()) == without_times(wanted)
        assert are_equal(weights(run.folder), weights(folder))
    assert not (tmp_path / "out" / "value_head.safetensors").exists()

    root = tmp_path / "killed"
    root.mkdir()
    killed(config, model, prompts, root, lambda: any(root.glob("ppo-*/checkpoint")))
    deadline = time.monotonic() + 600
    killed(config, model, prompts, root, lambda: time.monotonic() > deadline)
    (again,) = root.glob("ppo-*")
    assert are_equal(weights(again), weights(folder))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"samples": 1}, "needs 2 samples"),
        ({"samples": 3}, "multiple of them, not 3 and 8"),
        ({"value_adapter": True}, "no value head"),
    ],
)
def test_settings_that_make_no_groups_are_refused(
    change: dict[str, Any], complaint: str, model: Path, prompts: Path
) -> None:
    with pytest.raises(UsageError, match=complaint):
        Trainer(inputs_of(replace(config_of("rloo"), **change), model, prompts), Ranks())


def test_the_stage_registers_a_version_under_its_method(
    model: Path, prompts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (f"--model={model}", f"--data={prompts}", "--method=grpo", "--samples=2", "--max-steps=1", *QUICK)
    facts = read_facts(run_stage(capsys, *words)["version"])
    assert facts is not None and facts.method == "grpo"
