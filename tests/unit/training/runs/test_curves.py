import json
from pathlib import Path

import pytest

from training.runs.curves import CURVES, chart, draw, points, show, write_curves

ROWS = [
    {"step": 0, "dev_judge": 0.5},
    {"step": 1, "objective/scores": 1.0, "objective/kl": 0.0, "loss": 4.0},
    {"step": 2, "objective/scores": 3.0, "objective/kl": 0.5, "loss": 3.0},
    {"step": 3, "objective/scores": 2.0, "objective/kl": 1.5, "dev_loss": 5.0},
    {"step": 4, "dev_loss": 4.0},
]


def test_a_curve_has_the_rows_that_hold_its_metric() -> None:
    assert points(ROWS, "objective/scores") == [(1.0, 1.0), (2.0, 3.0), (3.0, 2.0)]
    assert points(ROWS, "dev_judge") == [(0.0, 0.5)]


def test_a_step_that_was_logged_twice_is_one_point() -> None:
    rows = [{"step": 1, "kl": 0.5}, {"step": 2, "kl": 1.0}, {"step": 2, "kl": 1.0, "dev_judge": 3.0}]
    assert points(rows, "kl") == [(1.0, 0.5), (2.0, 1.0)]


def test_the_picture_has_a_panel_for_every_curve_of_two_points() -> None:
    figure = draw(ROWS, CURVES["ppo"])
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["score", "KL to the reference"]
    (line,) = figure.axes[0].lines
    assert line.get_xydata().tolist() == [[1.0, 1.0], [2.0, 3.0], [3.0, 2.0]]


def test_metrics_that_share_a_panel_are_told_apart_by_name() -> None:
    (panel,) = draw(ROWS, {"loss": ("loss", "dev_loss", "absent")}).axes
    legend = panel.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["loss", "dev_loss"]


def test_a_long_curve_has_its_running_mean_over_it() -> None:
    # 40 points: the mean reaches 2 to either side. Around step 20: four zeros and a 5, or with the 5 outside, zeros.
    rows = [{"step": step, "kl": 5.0 if step == 20 else 0.0} for step in range(40)]
    (panel,) = draw(rows, {"kl": "kl"}).axes
    faint, mean = panel.lines
    assert faint.get_ydata()[20] == 5.0
    assert mean.get_ydata()[17:24].tolist() == [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize("rows", [ROWS, [{"step": n, "objective/kl": 0.0} for n in (1, 2)], []])
def test_the_picture_is_a_png_even_of_a_flat_curve_and_of_none(rows: list[dict[str, float]], tmp_path: Path) -> None:
    write_curves(rows, CURVES["ppo"], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_chart_is_text_without_colour() -> None:
    drawn = chart([(1.0, 1.0), (2.0, 3.0)], "score")
    assert "score" in drawn and "3.0" in drawn and "\x1b" not in drawn
    assert chart([(1.0, 1.0)], "score") == ""


@pytest.mark.parametrize(("stage", "charts"), [("ppo", 2), ("pocket", 0)])
def test_the_result_is_shown_with_its_curves(stage: str, charts: int, home: Path) -> None:
    folder = home / "state" / "runs" / "any-1"
    folder.mkdir(parents=True)
    manifest = {"stage": stage, "config": {}, "data_hash": "", "seed": 1, "versions": {}, "started": ""}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    text = show({"run": "any-1", "kl": 1.5})
    assert text.startswith("run: any-1\nkl: 1.5")
    assert ("KL to the reference" in text) == (charts == 2)
