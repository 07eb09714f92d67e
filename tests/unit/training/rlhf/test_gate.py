"""The gate: what passes, what fails, what was not measured, and what is written down."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.models.proof import Trial, add_trial, read_trial
from training.rlhf.config import GateLimits
from training.rlhf.gate import (
    NOT_MEASURED,
    Check,
    Difference,
    Measured,
    advise,
    checks,
    failing,
    write_promotion,
)
from training.rlhf.win_rate import WinRate

WINS = WinRate(200, 100, 20, 0.667, (0.61, 0.72), 0.6, (0.45, 0.66), 1.0)


def difference(value: float, low: float, high: float) -> Difference:
    return Difference(1.0, 1.0 + value, value, (low, high), 300)


GOOD = Measured(
    wins=WINS,
    conversations=320,
    judge_accuracy=0.7,
    rouge1=difference(-0.5, -1.4, 0.4),
    unsupported=difference(0.01, -0.02, 0.04),
    toxicity=difference(0.0, -0.01, 0.01),
    toxicity_sampled=difference(0.0, -0.01, 0.01),
    kl=7.0,
    forgetting=difference(0.02, 0.01, 0.03),
)


def judged(measured: Measured, pairs: int = 500, trial: Trial | None = None, skip: bool = False) -> list[Check]:
    return checks(measured, GateLimits(), 12.0, pairs, trial, skip)


def test_a_better_model_that_lost_nothing_passes() -> None:
    assert not failing(judged(GOOD))
    assert all(check.passed for check in judged(GOOD))


@pytest.mark.parametrize(
    ("name", "worse"),
    [
        ("win rate", {"wins": replace(WINS, ci=(0.5, 0.72))}),
        ("win rate", {"wins": None}),
        ("win rate", {"conversations": 299}),
        ("the judge itself", {"judge_accuracy": 0.5}),
        # 12 % more words, and at equal length the lower bound is 0.45.
        ("win rate at equal length", {"wins": replace(WINS, length_ratio=1.12)}),
        ("ROUGE-1", {"rouge1": difference(-1.2, -2.1, -0.3)}),
        ("unsupported names and numbers", {"unsupported": difference(0.05, 0.01, 0.09)}),
        ("toxicity, greedy", {"toxicity": difference(0.02, 0.001, 0.04)}),
        ("toxicity, sampled", {"toxicity_sampled": difference(0.02, 0.001, 0.04)}),
        ("KL", {"kl": 12.5}),
        ("forgetting", {"forgetting": difference(0.1, 0.05, 0.16)}),
    ],
)
def test_each_check_fails_by_itself(name: str, worse: dict[str, object]) -> None:
    found = judged(replace(GOOD, **worse))  # type: ignore[arg-type]
    assert [check.name for check in failing(found)] == [name]
    assert name in advise(found, "v3")


def test_what_was_not_measured_says_so_and_does_not_fail() -> None:
    nothing = replace(GOOD, rouge1=None, toxicity=None, toxicity_sampled=None, forgetting=None, kl=None)
    found = judged(nothing)
    unmeasured = [check.name for check in found if check.passed is None]
    assert unmeasured == ["ROUGE-1", "toxicity, greedy", "toxicity, sampled", "KL", "forgetting"]
    assert {check.value for check in found if check.passed is None} == {NOT_MEASURED}
    assert not failing(found)


def test_few_pairs_need_a_person_who_prefers_it_blind() -> None:
    assert [check.name for check in failing(judged(GOOD, pairs=199))] == ["blind trial"]
    assert not failing(judged(GOOD, pairs=199, trial=Trial(against="pocket", wins=7, losses=3, ties=2)))
    # Nine decided are one too few; five to five is no preference.
    assert failing(judged(GOOD, pairs=199, trial=Trial(against="pocket", wins=7, losses=2, ties=5)))
    assert failing(judged(GOOD, pairs=199, trial=Trial(against="pocket", wins=5, losses=5)))
    left_out = judged(GOOD, pairs=199, skip=True)
    assert not failing(left_out)
    assert "--skip trial" in left_out[-1].rule


def test_the_promotion_names_every_file_s_checksum_but_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "weights").write_bytes(b"abc")
    add_trial(tmp_path, Trial(against="pocket", wins=3, losses=1))
    write_promotion(tmp_path, {"version": "v1"})
    write_promotion(tmp_path, {"version": "v1"})
    read = json.loads((tmp_path / "promotion.json").read_text())
    assert read == {"version": "v1", "checksums": {"adapter/weights": hashlib.sha256(b"abc").hexdigest()}}


def test_trials_against_the_same_model_add_up(tmp_path: Path) -> None:
    assert read_trial(tmp_path) is None
    add_trial(tmp_path, Trial(against="pocket", wins=3, losses=1))
    assert add_trial(tmp_path, Trial(against="pocket", wins=1, losses=4, ties=2)) == read_trial(tmp_path)
    assert read_trial(tmp_path) == Trial(against="pocket", wins=4, losses=5, ties=2)
    assert add_trial(tmp_path, Trial(against="v1", wins=1)) == Trial(against="v1", wins=1)
