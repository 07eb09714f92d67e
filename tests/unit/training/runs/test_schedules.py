"""The learning rate's course: transformers' schedules, worked out by hand, and their names on the command line."""

from pathlib import Path
from typing import get_args

import pytest

from training.cli import run
from training.runs.schedules import Schedule, share_of_rate


@pytest.mark.parametrize(
    ("schedule", "step", "share"),
    [
        # Ten steps of which two rise: 1/2, 2/2. Then the eight others fall, from 8/8 to 1/8.
        *(("linear", 0, 1 / 2), ("linear", 1, 1.0), ("linear", 2, 1.0), ("linear", 6, 4 / 8), ("linear", 9, 1 / 8)),
        # (1 + cos(pi * done / 8)) / 2: cos(pi / 4) is 0.70711, cos(pi / 2) is 0.
        *(("cosine", 0, 1 / 2), ("cosine", 2, 1.0), ("cosine", 4, 0.85355), ("cosine", 6, 0.5)),
        *(("constant", 0, 1.0), ("constant", 9, 1.0)),
        *(("constant_with_warmup", 0, 1 / 2), ("constant_with_warmup", 1, 1.0), ("constant_with_warmup", 9, 1.0)),
        # sqrt(rise / step): sqrt(2 / 8) is 1/2.
        *(("inverse_sqrt", 0, 1 / 2), ("inverse_sqrt", 2, 1.0), ("inverse_sqrt", 8, 1 / 2)),
    ],
)
def test_a_step_has_the_share_that_its_schedule_says(schedule: Schedule, step: int, share: float) -> None:
    assert share_of_rate(schedule, step, steps=10, rise=2) == pytest.approx(share, abs=1e-5)


def test_without_a_rise_the_first_step_is_at_the_full_rate() -> None:
    for schedule in get_args(Schedule):
        assert share_of_rate(schedule, 0, steps=10, rise=0) == pytest.approx(1.0, abs=1e-4)


def test_a_run_that_is_over_when_the_rate_has_risen_reaches_it() -> None:
    for schedule in get_args(Schedule):
        assert share_of_rate(schedule, 0, steps=1, rise=1) == 1.0
        assert share_of_rate(schedule, 2, steps=3, rise=3) == 1.0


@pytest.mark.parametrize("stage", ["sft", "adapt", "prefer", "ppo"])
def test_another_name_is_refused_with_those_that_there_are(
    stage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('lr_schedule = "steep"\n')
    for words in (["--lr-schedule", "steep"], ["--config", str(file)]):
        assert run([stage, "--data", str(tmp_path / "none.jsonl"), *words]) == 2
        said = capsys.readouterr().err
        assert "steep" in said or "lr_schedule" in said
        assert all(name in said for name in get_args(Schedule)), said
