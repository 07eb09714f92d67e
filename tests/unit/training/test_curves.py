import json
from pathlib import Path
from xml.etree import ElementTree

from training.curves import chart, points, show, write_curves

ROWS = [
    {"step": 0, "dev_judge": 0.5},
    {"step": 1, "objective/scores": 1.0, "objective/kl": 0.0},
    {"step": 2, "objective/scores": 3.0, "objective/kl": 0.5},
    {"step": 3, "objective/scores": 2.0, "objective/kl": 1.5},
]
SVG = "{http://www.w3.org/2000/svg}"


def test_a_curve_has_the_rows_that_hold_its_metric() -> None:
    assert points(ROWS, "objective/scores") == [(1.0, 1.0), (2.0, 3.0), (3.0, 2.0)]
    assert points(ROWS, "dev_judge") == [(0.0, 0.5)]


def test_the_picture_holds_a_panel_for_every_curve_of_two_points(tmp_path: Path) -> None:
    write_curves(ROWS, tmp_path / "curves.svg")
    picture = ElementTree.parse(tmp_path / "curves.svg").getroot()
    titles = [text.text for text in picture.iter(f"{SVG}text") if text.get("font-weight") == "bold"]
    assert titles == ["score", "KL to the reference"]
    lines = [line.get("points", "").split() for line in picture.iter(f"{SVG}polyline")]
    heights = [[float(point.partition(",")[2]) for point in line] for line in lines]
    # SVG counts downwards: the highest score, the second, stands at the top; KL rises throughout.
    assert heights[0][1] < heights[0][2] < heights[0][0]
    assert heights[1] == sorted(heights[1], reverse=True)


def test_the_picture_of_a_flat_curve_and_of_none_can_be_drawn(tmp_path: Path) -> None:
    write_curves([{"step": n, "objective/kl": 0.0} for n in (1, 2)], tmp_path / "flat.svg")
    write_curves([], tmp_path / "none.svg")
    for name in ("flat.svg", "none.svg"):
        ElementTree.parse(tmp_path / name)


def test_the_chart_is_text_without_colour() -> None:
    drawn = chart([(1.0, 1.0), (2.0, 3.0)], "score")
    assert "score" in drawn and "3.0" in drawn and "\x1b" not in drawn
    assert chart([(1.0, 1.0)], "score") == ""


def test_the_result_is_shown_with_its_curves(home: Path) -> None:
    folder = home / "state" / "runs" / "ppo-1"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    text = show({"run": "ppo-1", "kl": 1.5})
    assert text.startswith("run: ppo-1\nkl: 1.5") and "KL to the reference" in text
