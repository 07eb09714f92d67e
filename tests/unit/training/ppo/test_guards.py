from typing import Any

import pytest

from assistant.errors import TrainingStopped
from training.ppo.config import GuardLimits
from training.ppo.guards import Guards

CALM = {
    "objective/kl": 0.0,
    "objective/kl_error": 0.01,
    "objective/scores": 1.0,
    "response/distinct": 1.0,
    "response/length": 10.0,
}


def guards_after_the_first_step(**limits: Any) -> Guards:
    guards = Guards(GuardLimits(**limits))
    guards.check_rollout(1, CALM)
    return guards


def test_a_calm_run_goes_on() -> None:
    guards = guards_after_the_first_step()
    for step in range(2, 20):
        guards.check_rollout(step, CALM | {"objective/kl": step * 0.5})
    assert guards.is_calm


def test_a_kl_at_the_start_that_is_not_zero_stops_at_once() -> None:
    for kl in (0.0011, -0.0011):
        with pytest.raises(TrainingStopped, match="max_first_kl"):
            Guards(GuardLimits()).check_rollout(1, CALM | {"objective/kl": kl})


@pytest.mark.parametrize(
    ("metric", "beyond", "within", "setting"),
    [
        ("objective/kl", 60.1, 59.9, "kl_coefficient"),
        # Four standard errors of 0.01 and the 0.001 that a start may be off.
        ("objective/kl", -0.0411, -0.0409, "dtype"),
        ("response/distinct", 0.19, 0.2, "min_distinct"),
        ("response/length", 40.1, 40.0, "missing_eos_penalty"),
    ],
)
def test_a_limit_stops_the_run_after_three_steps_in_a_row(
    metric: str, beyond: float, within: float, setting: str
) -> None:
    guards = guards_after_the_first_step()
    guards.check_rollout(2, CALM | {metric: beyond})
    guards.check_rollout(3, CALM | {metric: beyond})
    assert not guards.is_calm
    guards.check_rollout(4, CALM | {metric: within})
    assert guards.is_calm, "a step within the limit starts the count again"
    guards.check_rollout(5, CALM | {metric: beyond})
    guards.check_rollout(6, CALM | {metric: beyond})
    with pytest.raises(TrainingStopped, match=setting) as stopped:
        guards.check_rollout(7, CALM | {metric: beyond})
    assert "step 7" in str(stopped.value) and "checkpoint is kept" in str(stopped.value)


def test_collapse_is_measured_against_the_first_step() -> None:
    guards = Guards(GuardLimits(patience=1))
    guards.check_rollout(1, CALM | {"response/distinct": 0.5})
    guards.check_rollout(2, CALM | {"response/distinct": 0.11})
    with pytest.raises(TrainingStopped):
        guards.check_rollout(3, CALM | {"response/distinct": 0.09})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_stops_the_run(value: float) -> None:
    with pytest.raises(TrainingStopped, match=r"loss/policy_avg was (nan|inf) at step 3.*learning_rate"):
        Guards(GuardLimits()).check_numbers(3, {"loss/policy_avg": value})


def test_first_ratios_off_one_stop_the_run() -> None:
    Guards(GuardLimits()).check_first_ratio(2, 0.0009)
    for distance in (0.0011, float("nan")):
        with pytest.raises(TrainingStopped, match="ratio_tolerance"):
            Guards(GuardLimits()).check_first_ratio(2, distance)


def test_the_count_survives_a_checkpoint() -> None:
    before, after = guards_after_the_first_step(), Guards(GuardLimits())
    before.check_rollout(2, CALM | {"objective/kl": 99.0})
    before.check_rollout(3, CALM | {"objective/kl": 99.0})
    after.restore(before.state())
    with pytest.raises(TrainingStopped, match="max_kl"):
        after.check_rollout(4, CALM | {"objective/kl": 99.0})
