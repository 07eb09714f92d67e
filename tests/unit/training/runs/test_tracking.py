"""Figures that go to a tracker: event files of TensorBoard, written and read for real."""

import json
import struct
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from assistant.locations import runs_dir
from assistant.switches import tracking
from tests.tiny_models import LESSONS, build_tiny_model
from training import cli
from training.runs.run import Run
from training.runs.tracking import following, options

_ABSENT = [name for name in ("wandb", "trackio", "mlflow") if find_spec(name) is None]


class Inner(msgspec.Struct, frozen=True):
    beams: int = 4


class Config(msgspec.Struct, frozen=True):
    rate: float = 0.5
    parts: tuple[str, ...] = ("a", "b")
    unset: int | None = None
    inner: Inner = Inner()


@pytest.fixture
def run() -> Iterator[Run]:
    run = Run.start("toy", Config(), [], seed=1)
    yield run
    run.close()


def events(name: str) -> list[Event]:
    """What TensorBoard would read of a run, file by file."""
    found = []
    for path in sorted((runs_dir() / "tracked" / "tensorboard" / name).glob("events.*")):
        content = path.read_bytes()
        while content:
            # A record: its length, a checksum of 4 bytes, the event, another checksum.
            (length,) = struct.unpack("<Q", content[:8])
            found.append(Event.FromString(content[12 : 12 + length]))
            content = content[16 + length :]
    return found


def figures(name: str) -> list[tuple[int, str, float]]:
    return [(event.step, value.tag, value.simple_value) for event in events(name) for value in event.summary.value]


def test_numbers_go_to_the_tracker_and_text_does_not(run: Run) -> None:
    with following(run, "tensorboard", pytest.fail):
        run.log(0, stage="plan", seconds=3.0)
        assert not (runs_dir() / "tracked").exists(), "nothing is opened before the first figure"
        run.log(1, loss=2.5, right=3)
        run.log(2, loss=float("nan"), rate=0.25)
        run.log(1, dev_loss=2.0)  # a figure of the whole run, numbered otherwise
    run.log(3, loss=9.0)
    assert figures(run.name) == [(1, "loss", 2.5), (1, "right", 3.0), (2, "rate", 0.25), (2, "dev_loss", 2.0)]


def test_a_tracker_gets_the_options() -> None:
    with_options = Run.start("toy", Config(), [], seed=1)
    with following(with_options, "tensorboard", pytest.fail):
        with_options.log(1, loss=1.0)
    with_options.close()
    expected = {"stage": "toy", "rate": 0.5, "parts": "a, b", "beams": 4}
    assert options(with_options) == expected
    (written,) = (runs_dir() / "tracked").rglob("hparams.yml")
    assert written.read_text().splitlines() == ["beams: 4", "parts: a, b", "rate: 0.5", "stage: toy"]


def test_a_resumed_run_goes_on_in_the_same_place_and_takes_back_what_it_makes_again(run: Run) -> None:
    for first in (0, 2):
        with following(run, "tensorboard", pytest.fail):
            for step in range(first, 4):
                run.log(step, loss=float(step))
    assert [step for step, _, _ in figures(run.name)] == [0, 1, 2, 3, 2, 3]
    started = [event.step for event in events(run.name) if event.session_log.status == SessionLog.START]
    assert started == [0, 2], "from there on TensorBoard forgets what stood there"
    assert len([*(runs_dir() / "tracked").rglob("hparams.yml")]) == 1


def test_a_tracker_that_fails_is_told_of_once_and_the_run_goes_on(run: Run) -> None:
    runs_dir().mkdir(exist_ok=True, parents=True)
    (runs_dir() / "tracked").write_text("a file where the folder should be")
    said: list[str] = []
    with following(run, "tensorboard", said.append):
        run.log(1, loss=2.0)
        run.log(2, loss=1.0)
    assert [row["loss"] for row in run.metrics()] == [2.0, 1.0]
    assert len(said) == 1 and "tensorboard failed" in said[0] and "metrics.jsonl" in said[0]


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(
    ("tracker", "switch", "here"),
    [
        ("wandb", "WANDB_MODE", "offline"),
        ("wandb", "WANDB_DIR", "/figures"),
        ("trackio", "TRACKIO_DIR", "/figures"),
        ("mlflow", "MLFLOW_TRACKING_URI", "sqlite:////figures/mlflow.db"),
        ("mlflow", "MLFLOW_DISABLE_TELEMETRY", "true"),
    ],
)
def test_trackers_stay_offline_unless_the_user_says_otherwise(
    tracker: str, switch: str, here: str, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(switch, raising=False)
    if own:
        monkeypatch.setenv(switch, "mine")
    assert tracking(tracker, Path("/figures"))[switch] == ("mine" if own else here)


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = cli.run([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.skipif(not _ABSENT, reason="every tracker is installed")
def test_a_tracker_that_is_not_installed_is_said_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"dialogue": "A: hi", "summary": "A greets."}\n')
    for more in ([], ["--dry-run"]):
        code, told = answer(capsys, "sft", f"--data={data}", f"--track={_ABSENT[0]}", *more)
        assert (code, told["error"]) == (
            3,
            f"--track {_ABSENT[0]} needs the package {_ABSENT[0]}: pip install {_ABSENT[0]}",
        )
    config = tmp_path / "c.toml"
    config.write_text('track = "tensorbord"\n')
    code, told = answer(capsys, "sft", f"--data={data}", f"--config={config}")
    assert code == 2 and "tensorbord" in told["error"] and "mlflow" in told["error"]
    assert not runs_dir().exists()


def test_a_dry_run_says_where_figures_would_go(capsys: pytest.CaptureFixture[str]) -> None:
    _, plan = answer(capsys, "pocket", "--dry-run", "--track=tensorboard")
    assert plan["track"] == {"tracker": "tensorboard", "folder": str(runs_dir() / "tracked" / "tensorboard")}
    assert "track" not in answer(capsys, "pocket", "--dry-run")[1]
    assert not runs_dir().exists()


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_a_stage_passes_on_what_its_metrics_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, model = tmp_path / "data.jsonl", build_tiny_model(tmp_path / "tiny")
    rows = [
        {"dialogue": f"{talk}\nMaya: Part {n}.", "summary": text} for n in range(5) for talk, text in LESSONS.items()
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    quick = ["--max-steps=2", "--batch-size=2", "--log-every=1", "--show-every=0", "--threads=1", "--judge=0"]
    words = [f"--data={data}", f"--model={model}", *quick]
    code, made = answer(capsys, "sft", *words, "--track=tensorboard")
    assert code == 0
    logged = [json.loads(line) for line in (runs_dir() / made["run"] / "metrics.jsonl").read_text().splitlines()]
    kept = [
        (row["step"], name, pytest.approx(value)) for row in logged for name, value in row.items() if name != "step"
    ]
    assert len(kept) > 4
    assert figures(made["run"]) == kept
    manifest = json.loads((runs_dir() / made["run"] / "manifest.json").read_text())
    assert manifest["inputs"]["track"] == "tensorboard", "--resume needs nothing said again"
