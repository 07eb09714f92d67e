"""A file is either as it was or as it should be, and private; paths come from one place."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from assistant import locations
from assistant.files import write_atomically


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_and_its_new_folders_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_atomically(tmp_path / "a" / "b" / "notes.txt", b"mine")
    finally:
        os.umask(before)
    assert (tmp_path / "a" / "b" / "notes.txt").read_bytes() == b"mine"
    assert mode(tmp_path / "a" / "b" / "notes.txt") == 0o600
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o700, 0o700)


def test_writing_again_replaces_the_whole_content(tmp_path: Path) -> None:
    write_atomically(tmp_path / "x", b"a longer text")
    write_atomically(tmp_path / "x", b"short")
    assert (tmp_path / "x").read_bytes() == b"short"


def test_the_content_is_on_the_disk_before_the_rename_and_the_rename_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        forced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), (tmp_path / "x").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    write_atomically(tmp_path / "x", b"new")
    assert forced == [(False, False), (True, True)]  # the file under its draft's name, then the folder


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_a_full_disk_leaves_the_old_content_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write_atomically(tmp_path / "x", b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_killed_writer_leaves_the_old_content(tmp_path: Path) -> None:
    write_atomically(tmp_path / "x", b"old")
    # The process ends between the write and the rename, as by a power cut: no clean-up runs.
    code = (
        "import os, pathlib, sys; from assistant.files import write_atomically\n"
        "pathlib.Path.replace = lambda *_: os._exit(9)\n"
        "write_atomically(pathlib.Path(sys.argv[1]), b'new')"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], check=False).returncode == 9
    assert (tmp_path / "x").read_bytes() == b"old"
    assert len(list(tmp_path.glob(".x.*.part"))) == 1
    write_atomically(tmp_path / "x", b"later")  # what the killed one left is in nobody's way
    assert (tmp_path / "x").read_bytes() == b"later"


def test_everything_lies_under_the_home_that_is_named(home: Path) -> None:
    assert all(path.is_relative_to(home) for path in locations.all_places().values())


def test_computing_paths_creates_nothing(home: Path) -> None:
    locations.all_places()
    assert not home.exists()


def test_without_a_home_the_platform_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ASSISTANT_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    places = locations.all_places()
    assert places["config"] != places["data"] != places["state"] != places["cache"]
    assert all("parley" in str(path) for path in places.values())


def test_an_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o755)
    assert locations.ensure_dir(folder) == folder
    assert mode(folder) == 0o755
