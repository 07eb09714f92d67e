"""Which policy of a PPO run is kept: the one that the judge likes best within the bound on KL."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import load_file

from tests.unit.training.ppo.ppo_runs import (
    SMALL,
    a_run,
    inputs_of,
)
from training.ppo.stage import train
from training.runs.run import StopRequested


def test_the_judge_s_favourite_at_bounded_kl_is_kept(model: Path, prompts: Path, tmp_path: Path) -> None:
    verdicts = iter([1.0, 5.0, 3.0, 9.0])

    def judge(texts: Sequence[str], responses: Sequence[str]) -> list[float]:
        verdict = next(verdicts)
        return [verdict] * len(responses)

    config = replace(SMALL, max_steps=3, judge_every=1, judge_prompts=3, best_max_kl=1e9)
    with a_run(config, prompts, tmp_path) as run:
        # Judged before step 1 and after each of three; the last, a 9, comes at too high a KL.
        figures = train(
            inputs_of(
                replace(config, best_max_kl=1e9, max_steps=2),
                model,
                prompts,
                judge=judge,
            ),
            tmp_path / "out",
            run,
            StopRequested(),
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
        figures = train(
            inputs_of(
                config,
                model,
                prompts,
                judge=lambda texts, responses: [float(next(rising))] * len(responses),
            ),
            tmp_path / "out",
            run,
            StopRequested(),
        )
        assert run.load("best") is None
        last = run.load()
        assert [row["dev_judge"] for row in run.metrics() if "dev_judge" in row] == [0.0, 1.0, 2.0, 3.0]
    # The last one is beyond it as well: the policy before training is written, whose fresh adapter does nothing.
    assert figures["kept_step"] == 0.0
    written = load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert not any(value.any() for name, value in written.items() if "lora_B" in name)
    assert last is not None and any(value.any() for name, value in last[1]["trained"].items() if "lora_B" in name)


def test_where_nothing_is_judged_the_last_policy_is_kept_at_bounded_kl_only(
    model: Path, prompts: Path, tmp_path: Path
) -> None:
    one_prompt = tmp_path / "one.jsonl"
    one_prompt.write_text(prompts.read_text().splitlines()[0] + "\n")
    for bound, kept_step in ((1e9, 2.0), (-1.0, 0.0)):
        config = replace(SMALL, max_steps=2, best_max_kl=bound)
        with a_run(config, one_prompt, tmp_path) as run:
            figures = train(inputs_of(config, model, one_prompt), tmp_path / f"out{bound}", run, StopRequested())
        assert figures["kept_step"] == kept_step


def test_the_mean_of_the_policies_is_judged_and_kept(model: Path, prompts: Path, tmp_path: Path) -> None:
    config = replace(SMALL, average=0.5, judge_every=1, judge_prompts=2, best_max_kl=1e9)
    states, kls = [], []
    for steps in (1, 2):
        rising = iter(range(9))
        with a_run(config, prompts, tmp_path) as run:
            train(
                inputs_of(
                    replace(config, max_steps=steps),
                    model,
                    prompts,
                    judge=lambda texts, responses, rising=rising: [float(next(rising))] * len(responses),  # type: ignore[misc]
                ),
                tmp_path / f"out{steps}",
                run,
                StopRequested(),
            )
            saved = run.load()
            assert saved is not None
            states.append(saved[1])
            kls = [row["objective/kl"] for row in run.metrics() if "dev_judge" not in row]
            assert run.load("best")[1]["trained"].keys() == saved[1]["mean"].keys()  # type: ignore[index]
    one, two = (state["trained"] for state in states)
    # A fresh adapter's second half starts at 0: its mean is half of the first, then half of that and of the second.
    (name, *_) = (name for name in one if "lora_B" in name and one[name].abs().max() > 0)
    assert torch.allclose(states[0]["mean"][name], one[name] / 2, atol=1e-7)
    assert torch.allclose(states[1]["mean"][name], one[name] / 4 + two[name] / 2, atol=1e-7)
    # The KL of the first step is 0, so that the mean after two is half of the second's.
    assert states[1]["best"]["kl"] == pytest.approx(kls[1] / 2, abs=1e-6)
    kept = load_file(tmp_path / "out2" / "adapter_model.safetensors")
    assert torch.equal(kept[name.replace(".policy", "")], states[1]["mean"][name])


def test_what_may_not_be_kept_does_not_become_the_best(model: Path, prompts: Path, tmp_path: Path) -> None:
    rising, asked = iter(range(10)), iter([0.5, -0.1, 0.0, -2.0])
    config = replace(SMALL, max_steps=3, judge_every=1, judge_prompts=2, best_max_kl=1e9)
    with a_run(config, prompts, tmp_path) as run:
        figures = train(
            inputs_of(
                config,
                model,
                prompts,
                judge=lambda texts, responses: [float(next(rising))] * len(responses),
                spare=lambda texts, responses: next(asked),
            ),
            tmp_path / "out",
            run,
            StopRequested(),
        )
        assert [row["may_keep"] for row in run.metrics() if "may_keep" in row] == [1, 0, 1, 0]
    # Judged 0, 1, 2, 3: the third is the best of the first and the third.
    assert (figures["kept_step"], figures["best_judge"]) == (2.0, 2.0)
