"""A training run on disk."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from assistant.errors import DataMissing, UsageError
from assistant.locations import runs_dir
from training.runs import checkpoints
from training.runs.lock import RunLocked, alone
from training.runs.run import Run, list_runs, stop_signals


class Config(msgspec.Struct, frozen=True):
    rate: float = 0.5
    seed: int = 1


@pytest.fixture
def data(tmp_path: Path) -> list[Path]:
    path = tmp_path / "data.jsonl"
    path.write_text('{"dialogue": "A: hi", "summary": "A greets."}\n')
    return [path]


@pytest.fixture
def run(data: list[Path]) -> Iterator[Run]:
    run = Run.start("toy", Config(), data, seed=1)
    yield run
    run.close()


def tree(value: float) -> dict[str, Any]:
    return {
        "weights": {"a": torch.full((2, 2), value), 3: torch.tensor([1, 2])},
        "history": [1, 2.5, "x", None, True],
        "pair": (torch.tensor(value), 7),
        "empty": {},
    }


def test_a_checkpoint_brings_back_every_value_and_type(run: Run) -> None:
    run.save(5, tree(2.0))
    step, found = run.load() or (0, {})
    assert step == 5
    assert torch.equal(found["weights"]["a"], torch.full((2, 2), 2.0))
    assert torch.equal(found["weights"][3], torch.tensor([1, 2]))
    assert found["history"] == [1, 2.5, "x", None, True]
    assert found["pair"][0].item() == 2.0
    assert found["pair"][1:] == (7,)
    assert found["empty"] == {}


def test_a_run_without_a_checkpoint_loads_nothing(run: Run) -> None:
    assert run.load() is None


def test_a_crash_while_saving_keeps_the_checkpoint_before(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.save(1, tree(1.0))

    def full_disk(folder: Path, step: int, tree: dict[str, Any]) -> None:
        (folder / "tensors.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write_checkpoint", full_disk)
    with pytest.raises(OSError, match="No space"):
        run.save(2, tree(2.0))
    step, found = run.load() or (0, {})
    assert step == 1
    assert found["pair"][0].item() == 1.0
    assert not list(run.folder.glob(".*.part"))


def test_a_crash_between_the_two_renames_of_a_save_keeps_the_checkpoint_before(run: Run) -> None:
    run.save(1, tree(1.0))
    (run.folder / "checkpoint").rename(run.folder / "checkpoint.old")
    step, _ = run.load() or (0, {})
    assert step == 1


def test_resuming_forgets_steps_logged_after_the_checkpoint(run: Run) -> None:
    run.log(1, loss=3.0)
    run.save(1, tree(1.0))
    run.log(2, loss=2.0)
    run.load()
    assert run.metrics() == [{"step": 1, "loss": 3.0}]
    run.log(2, loss=1.5)
    assert [row["loss"] for row in run.metrics()] == [3.0, 1.5]


def test_a_line_that_a_crash_cut_short_is_left_out(run: Run) -> None:
    run.log(1, loss=3.0)
    with (run.folder / "metrics.jsonl").open("a") as stream:
        stream.write('{"step": 2, "lo')
    assert run.metrics() == [{"step": 1, "loss": 3.0}]


def test_a_run_is_locked_until_it_is_closed(run: Run, data: list[Path]) -> None:
    with pytest.raises(RunLocked, match=str(os.getpid())):
        Run.resume("toy", run.name, Config(), data)
    run.close()
    Run.resume("toy", run.name, Config(), data).close()


def test_resume_takes_the_newest_run_of_the_stage(run: Run, data: list[Path]) -> None:
    run.close()
    newer = Run.start("toy", Config(), data, seed=1)
    newer.close()
    manifest = run.folder / "manifest.json"
    os.utime(manifest, (1, 1))
    resumed = Run.resume("toy", None, Config(), data)
    resumed.close()
    assert resumed.name == newer.name


def test_resume_is_refused_where_the_data_changed(run: Run, data: list[Path]) -> None:
    run.close()
    data[0].write_text('{"dialogue": "A: bye", "summary": "A leaves."}\n')
    with pytest.raises(UsageError, match="the data changed"):
        Run.resume("toy", run.name, Config(), data)


def test_resume_is_refused_where_a_setting_changed_and_names_it(run: Run, data: list[Path]) -> None:
    run.close()
    with pytest.raises(UsageError, match="other settings \\(rate\\)"):
        Run.resume("toy", run.name, Config(rate=0.1), data)


def test_a_setting_that_was_added_since_does_not_stop_a_resume(run: Run, data: list[Path]) -> None:
    run.close()
    manifest = json.loads((run.folder / "manifest.json").read_text())
    del manifest["config"]["rate"]
    (run.folder / "manifest.json").write_text(json.dumps(manifest))
    Run.resume("toy", run.name, Config(), data).close()


def test_resume_without_a_run_says_so(data: list[Path]) -> None:
    with pytest.raises(DataMissing, match="no run of toy"):
        Run.resume("toy", None, Config(), data)
    with pytest.raises(DataMissing, match="no run 'other'"):
        Run.resume("toy", "other", Config(), data)


def test_no_run_is_left_behind_where_the_data_are_missing(tmp_path: Path) -> None:
    with pytest.raises(DataMissing):
        Run.start("toy", Config(), [tmp_path / "none.jsonl"], seed=1)
    assert not runs_dir().exists() or not list(runs_dir().iterdir())


def test_the_list_of_runs_tells_running_from_finished_failed_and_stopped(data: list[Path]) -> None:
    runs = {state: Run.start("toy", Config(), data, seed=1) for state in ("running", "finished", "failed", "stopped")}
    runs["stopped"].log(4, loss=1.0)
    runs["stopped"].log(5, dev_loss=0.5)
    runs["stopped"].log(6, loss=0.9)
    runs["finished"].finish("model")
    runs["failed"].fail("the loss was nan")
    for state in ("finished", "failed", "stopped"):
        runs[state].close()
    found = {summary.state: summary for summary in list_runs()}
    assert {state: summary.name for state, summary in found.items()} == {s: run.name for s, run in runs.items()}
    assert found["stopped"].step == 6
    assert found["stopped"].dev == {"dev_loss": 0.5}
    assert found["failed"].outcome == "the loss was nan"
    runs["running"].close()


def test_a_damaged_run_does_not_hide_the_others(run: Run, data: list[Path]) -> None:
    other = Run.start("toy", Config(), data, seed=1)
    other.close()
    (other.folder / "manifest.json").write_text("{")
    assert [summary.name for summary in list_runs()] == [run.name]


def test_run_files_are_private(run: Run) -> None:
    run.save(1, tree(1.0))
    run.finish("model")
    assert run.folder.stat().st_mode & 0o777 == 0o700
    private = [path for path in run.folder.rglob("*") if path.is_file() and path.suffix in (".json", ".safetensors")]
    assert len(private) == 4
    assert all(path.stat().st_mode & 0o077 == 0 for path in private)


def test_the_first_signal_asks_and_the_second_interrupts() -> None:
    with stop_signals() as stop:
        assert not stop.requested
        signal.raise_signal(signal.SIGTERM)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_run_moved_by_hand_is_found_by_its_path(run: Run, data: list[Path], tmp_path: Path) -> None:
    run.close()
    shutil.move(run.folder, tmp_path / "moved")
    Run.resume("toy", str(tmp_path / "moved"), Config(), data).close()


def test_one_run_of_a_stage_works_at_a_time(home: Path) -> None:
    with alone("toy") as tell:
        tell("toy-20260101-000000-abcd")
        told = rf"^toy-20260101-000000-abcd \(pid {os.getpid()}\) is at work"
        with pytest.raises(RunLocked, match=told), alone("toy"):
            pass
        with alone("other"):
            pass
    with alone("toy"):
        pass
