"""What is said of a download before it begins, and what is kept between two."""

from pathlib import Path

import pytest

from assistant.locations import state_dir
from assistant.models.downloads import Pace, Remembered, describe, is_offline, remember, remembered, suggested


def test_size_licence_and_time_are_said_in_one_line() -> None:
    base = suggested("google/flan-t5-base")
    assert base is not None
    assert describe(base, 0.0) == "990 MB · apache-2.0"
    # 990.3 MB at 4.1 MB/s are 241.5 s.
    assert describe(base, 4.1e6) == "990 MB · apache-2.0 · about 4 min at 4.1 MB/s, as last time"


def test_the_pace_of_the_last_download_is_kept_and_that_of_a_tiny_one_is_not() -> None:
    times = iter([10.0, 12.0, 20.0, 21.0])
    pace = Pace(lambda: next(times))
    # 5 MB were here before; 8 MB more in 2 s are 4 MB/s.
    assert [pace.hear(5_000_000), pace.hear(13_000_000)] == [0.0, 4e6]
    pace.keep()
    assert remembered().pace == 4e6

    tiny = Pace(lambda: next(times))
    assert [tiny.hear(0), tiny.hear(10)] == [0.0, 10.0]
    tiny.keep()
    assert remembered().pace == 4e6


def test_what_was_kept_stays_beside_what_changes_and_damage_is_forgotten() -> None:
    remember(is_declined=True)
    remember(pace=2.0)
    assert remembered() == Remembered(is_declined=True, pace=2.0)
    (state_dir() / "downloads.json").write_text("{")
    assert remembered() == Remembered()


@pytest.mark.parametrize(
    ("interfaces", "expected"),
    [
        ({"lo": "unknown"}, True),
        ({"lo": "unknown", "wlan0": "down"}, True),
        ({"lo": "unknown", "wlan0": "down", "eth0": "up"}, False),
        ({"lo": "unknown", "tun0": "unknown"}, False),
    ],
)
def test_a_machine_without_an_interface_that_is_up_is_offline(
    interfaces: dict[str, str], expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    for name, state in interfaces.items():
        (tmp_path / "net" / name).mkdir(parents=True)
        (tmp_path / "net" / name / "operstate").write_text(f"{state}\n")
    monkeypatch.setattr("assistant.models.downloads.NETWORK", tmp_path / "net")
    assert is_offline() is expected
    monkeypatch.setattr("assistant.models.downloads.NETWORK", tmp_path / "not-linux")
    assert is_offline() is False


def test_the_user_s_word_counts_before_the_machine_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.models.downloads.NETWORK", tmp_path / "not-linux")
    monkeypatch.setenv("HF_HUB_OFFLINE", "true")
    assert is_offline() is True
