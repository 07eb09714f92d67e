"""How many threads a conversion runs with: told, guessed or timed once a machine."""

from pathlib import Path

import msgspec
import pytest

from assistant.engine.threads import THREADS, Layout, Plan, Timer, make_plan, measure

SECONDS = {1: (3.0, 8.0), 2: (2.0, 9.0), 4: (1.95, 12.0)}


def timer(asked: list[Layout], seconds: dict[int, tuple[float, float]] = SECONDS) -> Timer:
    def time(layout: Layout) -> tuple[float, float]:
        asked.append(layout)
        return seconds[layout.threads]

    return time


def conversion(folder: Path, size: int) -> Path:
    with (folder / "model.bin").open("wb") as stream:
        stream.truncate(size)
    return folder


LARGE = (32 << 20) + 1


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2, 3})
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))


def test_the_fastest_number_of_threads_wins_and_a_draw_goes_to_fewer() -> None:
    asked: list[Layout] = []
    plan = measure(4, timer(asked))
    # All four cores work in each attempt. 1.95 s with four threads is no gain over 2.0 with two: 0.95 x 2.0 = 1.9.
    assert asked == [Layout(workers=4, threads=1), Layout(workers=2, threads=2), Layout(workers=1, threads=4)]
    assert plan.one == Layout(workers=1, threads=2)
    assert plan.many == Layout(workers=4, threads=1)
    assert plan.sentence() == "one text with 2 threads, batches with 4 x 1 thread (measured)"


def test_three_cores_are_never_given_more_threads_than_there_are() -> None:
    plan = measure(3, timer([], {1: (3.0, 9.0), 2: (2.0, 5.0)}))
    assert (plan.one, plan.many) == (Layout(workers=1, threads=2), Layout(workers=1, threads=2))


def test_a_large_conversion_is_timed_once_a_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = conversion(tmp_path, LARGE)
    asked: list[Layout] = []
    first = make_plan(folder, 0, timer(asked))
    assert len(asked) == 3
    assert make_plan(folder, 0, timer(asked)) == make_plan(folder, 0) == first
    assert len(asked) == 3
    # Fewer cores are another machine.
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1})
    make_plan(folder, 0, timer(asked))
    assert len(asked) == 5


@pytest.mark.parametrize("note", [b"", b"{}", b'{"machine": 3}', b"[" * 100_000])
def test_a_damaged_note_is_measured_anew(tmp_path: Path, note: bytes) -> None:
    folder = conversion(tmp_path, LARGE)
    (folder / THREADS).write_bytes(note)
    asked: list[Layout] = []
    plan = make_plan(folder, 0, timer(asked))
    assert len(asked) == 3
    assert msgspec.json.decode((folder / THREADS).read_bytes())["plan"] == msgspec.to_builtins(plan, str_keys=True)


@pytest.mark.parametrize(
    ("size", "setting", "variable", "one", "workers"),
    [
        (LARGE - 1, 0, "", 1, 4),  # small: one thread a text, all cores for batches, untimed
        (LARGE, 0, "", 1, 4),
        (LARGE, 2, "", 2, 2),
        (100, 2, "", 2, 2),
        (LARGE, 0, "1", 1, 1),
        (LARGE, 3, "1", 3, 3),  # the setting rules
        (100, 0, "many", 1, 4),
        (100, 0, "0", 1, 4),
    ],
)
def test_told_and_untimed_plans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, setting: int, variable: str, one: int, workers: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    plan = make_plan(conversion(tmp_path, size), setting)
    assert plan == Plan(one=Layout(workers=1, threads=one), many=Layout(workers=workers, threads=1))
    assert not (tmp_path / THREADS).exists()


def test_nothing_is_timed_on_a_busy_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = conversion(tmp_path, LARGE)
    asked: list[Layout] = []
    monkeypatch.setattr("os.getloadavg", lambda: (3.1, 0.0, 0.0))  # above 0.75 x 4
    assert make_plan(folder, 0, timer(asked)).one == Layout(workers=1, threads=1)
    assert not asked
    monkeypatch.setattr("os.getloadavg", lambda: (2.9, 9.0, 9.0))
    assert make_plan(folder, 0, timer(asked)).one == Layout(workers=1, threads=2)
