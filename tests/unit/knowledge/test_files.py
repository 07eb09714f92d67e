"""Files are read at rest and written whole; folders are scanned by the user's rules."""

import os
import threading
from pathlib import Path

import pytest

from knowledge.errors import DocumentUnreadable, KnowledgeBusy
from knowledge.files import ensure_private, read_steady, write_whole, writer_lock
from knowledge.scanning import scan

_READ = {".txt", ".md"}


def _write(path: Path, text: str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _names(root: Path, **kwargs: set[str]) -> list[str]:
    return sorted(os.path.relpath(path, root) for path in scan([root], _READ, **kwargs).files)


def test_a_file_is_written_whole_and_private(tmp_path: Path) -> None:
    folder = ensure_private(tmp_path / "a" / "b")
    write_whole(folder / "x", b"one")
    write_whole(folder / "x", b"two")
    assert (folder / "x").read_bytes() == b"two"
    assert [entry.name for entry in folder.iterdir()] == ["x"]
    assert (folder.stat().st_mode & 0o777, (folder / "x").stat().st_mode & 0o777) == (0o700, 0o600)


def test_only_one_writer_holds_the_lock(tmp_path: Path) -> None:
    with writer_lock(tmp_path / "lock"), pytest.raises(KnowledgeBusy, match="wait"), writer_lock(tmp_path / "lock"):
        pass
    with writer_lock(tmp_path / "lock"):
        pass


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.log").open("wb") as stream:
        stream.truncate(2 * 2**30)  # sparse: two gigabytes that take no room
    with pytest.raises(DocumentUnreadable, match=r"2,048 MiB, and at most 1 MiB"):
        read_steady(tmp_path / "huge.log", 2**20)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(tmp_path / "a.txt", "before")
    real = os.fstat
    calls: list[int] = []

    def change_after_the_first_look(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        if real(descriptor).st_ino == path.stat().st_ino:
            calls.append(descriptor)
            if len(calls) == 1:
                path.write_text("before and after")
        return status

    monkeypatch.setattr(os, "fstat", change_after_the_first_look)
    with pytest.raises(DocumentUnreadable, match="changed while"):
        read_steady(path, 2**20)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="such files are Linux's")
def test_a_file_whose_size_does_not_tell_what_it_holds_is_refused() -> None:
    # The kernel makes its text as it is read, and says that it has no bytes.
    with pytest.raises(DocumentUnreadable, match="changed while"):
        read_steady(Path("/proc/self/status"), 2**20)


def test_a_pipe_does_not_keep_the_reader_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    result: list[str] = []

    def read() -> None:
        try:
            read_steady(tmp_path / "a.txt", 10)
        except DocumentUnreadable as error:
            result.append(str(error))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(5)
    assert result == ["not a regular file"]


def test_hidden_and_ignored_files_are_left_out_and_a_nearer_rule_wins(tmp_path: Path) -> None:
    for name in (
        "a.md",
        ".secret.md",
        ".git/b.md",
        "node_modules/c.md",
        "draft/d.md",
        "draft/keep/e.md",
        "f.tmp.md",
        "draft/keep/g.tmp.md",
    ):
        _write(tmp_path / name)
    _write(tmp_path / ".gitignore", "*.tmp.md\n/draft/*.md\n")
    _write(tmp_path / "draft" / "keep" / ".assistantignore", "!g.tmp.md\n")
    assert _names(tmp_path) == ["a.md", "draft/keep/e.md", "draft/keep/g.tmp.md"]
    _write(tmp_path / ".assistantignore", "draft/\n")
    assert _names(tmp_path) == ["a.md"]


def test_what_no_loader_reads_is_counted_by_suffix(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.MD", "d"):
        _write(tmp_path / name)
    found = scan([tmp_path], _READ)
    assert found.unsupported == {".png": 2, "": 1}
    assert [Path(path).name for path in found.files] == ["c.MD"]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    _write(tmp_path / "a" / "x.txt")
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a" / "self.txt").symlink_to(tmp_path / "a" / "self.txt")
    (tmp_path / "a" / "gone.txt").symlink_to(tmp_path / "nowhere")
    files = scan([tmp_path], _READ).files
    assert {Path(path).name: bool(file.reason) for path, file in files.items()} == {"x.txt": False, "self.txt": True}


def test_a_name_with_a_newline_is_a_name_and_one_that_is_no_text_is_reported(tmp_path: Path) -> None:
    _write(tmp_path / "a\n\x1b[31mb.txt")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_text("text")
    reasons = {Path(path).name: file.reason for path, file in scan([tmp_path], _READ).files.items()}
    assert reasons == {"a\n\x1b[31mb.txt": "", "\ufffd.txt": "the file name is not UTF-8: rename it"}


def test_what_is_excluded_is_left_out_with_all_below_it(tmp_path: Path) -> None:
    for name in ("a.md", "b/c.md", "b/d/e.md", "bb/f.md"):
        _write(tmp_path / name)
    assert _names(tmp_path, excluded={str(tmp_path / "b"), str(tmp_path / "a.md")}) == ["bb/f.md"]
