"""`assistant watch` as a person or a service runs it: a folder, files that come and change, kills and restarts."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from assistant.conversation import Assistant
from assistant.errors import UsageError
from assistant.feedback import Store
from assistant.records import Ask
from assistant.settings import Settings
from assistant.watching import watch_folder
from tests.end_to_end.command_line import run

_TALK = "Maya: Room 4 costs 120 euros.\nTom: Take it. I'll send the invoice tomorrow.\n"
_OTHER = "Ana: The lease ends on 3 June.\nBo: Then we hand the keys over on 2 June.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "talks"
    (place / "inside").mkdir(parents=True)
    (place / "rooms.txt").write_text(_TALK, encoding="utf-8")
    (place / "lease.txt").write_text(_OTHER, encoding="utf-8")
    (place / ".hidden.txt").write_text(_TALK, encoding="utf-8")
    (place / "inside" / "deep.txt").write_text(_TALK, encoding="utf-8")
    return place


def digests(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "digests").iterdir())


def test_every_transcript_gets_a_private_digest_and_a_chat(folder: Path) -> None:
    done = run("watch", str(folder), "--once")
    said = [f"{name} → {folder / 'digests' / name}.md" for name in ("lease.txt", "rooms.txt")]
    assert (done.returncode, done.stdout.decode().splitlines(), done.stderr) == (0, said, b"")
    assert run("watch", str(folder), "--once").stdout == b"", "nothing new"
    assert digests(folder) == ["lease.txt.md", "rooms.txt.md"]
    page = (folder / "digests" / "rooms.txt.md").read_text(encoding="utf-8")
    assert (
        "# rooms.txt" in page and "- Maya: Room 4 costs 120 euros." in page and "- [ ] Tom · send the invoice" in page
    )
    assert (folder / "digests" / "rooms.txt.md").stat().st_mode & 0o077 == 0
    with Store.open() as store:
        chats = store.chats.newest()
        assert len(chats) == 2
        kinds = [message.kind for message in store.chats.messages(chats[0].id)]
        answer = store.chats.messages(chats[0].id)[1]
        assert store.completions.digest(answer.completions[0]), "the app shows it as a list"
    assert kinds == ["conversation", "answer"]


def test_nothing_is_made_twice_and_what_changed_is_made_anew(folder: Path) -> None:
    run("watch", str(folder), "--once")
    made = {path: path.stat().st_mtime_ns for path in (folder / "digests").iterdir()}
    again = [json.loads(line) for line in run("watch", str(folder), "--once", "--json").stdout.splitlines()]
    assert again == []
    assert {path: path.stat().st_mtime_ns for path in (folder / "digests").iterdir()} == made
    (folder / "lease.txt").write_text(f"{_OTHER}Ana: No, the lease ends on 9 July.\n", encoding="utf-8")
    (line,) = run("watch", str(folder), "--once", "--json").stdout.splitlines()
    assert json.loads(line)["file"].endswith("lease.txt")
    assert "9 July" in (folder / "digests" / "lease.txt.md").read_text(encoding="utf-8")


def test_a_file_that_cannot_be_read_costs_only_itself(folder: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    done = run("watch", str(folder), "--once")
    assert done.returncode == 1
    assert done.stderr.startswith(b"broken.pdf: ") and len(done.stderr.splitlines()) == 1
    assert digests(folder) == ["lease.txt.md", "rooms.txt.md"]


def test_what_appears_while_it_runs_is_digested_and_a_stop_loses_nothing(folder: Path) -> None:
    command = [sys.executable, "-m", "assistant", "watch", str(folder), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        first = [json.loads(running.stdout.readline())["file"] for _ in range(2)]
        (folder / "new.txt").write_text(_TALK.replace("120", "150"), encoding="utf-8")
        assert json.loads(running.stdout.readline())["digest"].endswith("digests/new.txt.md")
        running.terminate()
        running.wait(30)
    assert sorted(Path(file).name for file in first) == ["lease.txt", "rooms.txt"]
    assert running.returncode == 130
    assert run("watch", str(folder), "--once", "--json").stdout == b""


def test_what_somebody_else_wrote_is_never_written_over(folder: Path) -> None:
    (folder / "digests").mkdir()
    for name in ("notes.md", "rooms.txt.md"):
        (folder / "digests" / name).write_text("mine")
    done = run("watch", str(folder), "--once")
    assert done.returncode == 1
    assert b"rooms.txt.md was not written by Parley" in done.stderr and len(done.stderr.splitlines()) == 1
    assert {(folder / "digests" / name).read_text() for name in ("notes.md", "rooms.txt.md")} == {"mine"}
    assert digests(folder) == ["lease.txt.md", "notes.md", "rooms.txt.md"]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that fails when it is read")
def test_a_file_that_fails_when_it_is_read_is_named(folder: Path) -> None:
    (folder / "disk.txt").symlink_to("/proc/self/mem")
    done = run("watch", str(folder), "--once")
    assert done.returncode == 1
    assert done.stderr.startswith(b"disk.txt: ") and len(done.stderr.splitlines()) == 1
    assert digests(folder) == ["lease.txt.md", "rooms.txt.md"]


def test_a_digest_that_cannot_be_written_is_named(folder: Path) -> None:
    (folder / "digests").write_text("a file")
    done = run("watch", str(folder), "--once")
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr and b"rooms.txt: Not a directory" in done.stderr
    assert (folder / "digests").read_text() == "a file"


_KILLED = """
import os, signal, sys

def strike(event, args):
    if event == "os.mkdir" and str(args[0]).endswith("digests"):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(strike)
from assistant.__main__ import main
main()
"""
"""Killed when the first digest is about to be written: its folder comes first."""


def test_a_kill_between_the_chat_and_the_file_leaves_nothing_twice(folder: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED, "watch", str(folder), "--once"], check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert not (folder / "digests").exists()
    with Store.open() as store:
        (made,) = store.completions.newest()
        assert [message.kind for chat in store.chats.newest() for message in store.chats.messages(chat.id)] == [
            "conversation",
            "answer",
        ]
    assert run("watch", str(folder), "--once").returncode == 0
    assert digests(folder) == ["lease.txt.md", "rooms.txt.md"]
    with Store.open() as store:
        shown = [
            answer
            for chat in store.chats.newest()
            for message in store.chats.messages(chat.id)
            for answer in message.completions
        ]
        assert sorted(shown) == sorted(one.id for one in store.completions.newest()), "every digest is in a chat"
        assert len(shown) == 2 and made.id in shown


def test_a_chat_whose_digest_was_lost_gets_no_second_one_and_the_file_is_written(folder: Path) -> None:
    run("watch", str(folder), "--once")
    page = (folder / "digests" / "rooms.txt.md").read_bytes()
    (folder / "digests" / "rooms.txt.md").unlink()
    with Store.open() as store:
        store.blank_passages({"p": "Room 4 costs 120 euros. Take it. I'll send the invoice tomorrow."})
        before = store.completions.newest()
    assert run("watch", str(folder), "--once").returncode == 0
    assert (folder / "digests" / "rooms.txt.md").read_bytes() == page
    with Store.open() as store:
        assert store.completions.newest() == before


def test_a_file_is_read_again_only_when_its_size_time_or_place_changes(folder: Path) -> None:
    rooms, lease = folder / "rooms.txt", folder / "lease.txt"
    stop = threading.Event()
    with Assistant(Settings(), store=None) as assistant:
        watch = watch_folder(folder, assistant, Ask(), stop)
        assert [next(watch).file, next(watch).file] == [lease, rooms]
        before = lease.stat()
        lease.write_text(_OTHER.replace("3 June", "9 June"), encoding="utf-8")
        os.utime(lease, ns=(before.st_atime_ns, before.st_mtime_ns))
        rooms.write_text(_TALK.replace("120", "1500"), encoding="utf-8")
        (folder / "v.txt").write_text(_TALK, encoding="utf-8")
        # "lease.txt" comes first: were it read again, its digest would be the next.
        assert next(watch).file == rooms
        assert next(watch).file == folder / "v.txt"
        os.utime(lease, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000_000))
        (folder / "w.txt").write_text(_TALK, encoding="utf-8")
        assert next(watch).file == lease
        stop.set()
    assert "9 June" in (folder / "digests" / "lease.txt.md").read_text(encoding="utf-8")


def test_digests_that_lie_among_the_transcripts_are_none(folder: Path) -> None:
    (folder / "digests").symlink_to(".")
    for _ in range(2):
        assert run("watch", str(folder), "--once").returncode == 0
    assert sorted(path.name for path in folder.glob("*.md")) == ["lease.txt.md", "rooms.txt.md"]


def test_the_longest_name_gets_a_digest_once(folder: Path) -> None:
    for letter in "ab":
        (folder / f"{'x' * 248}{letter}.txt").write_text(_TALK, encoding="utf-8")  # 253 letters
    assert run("watch", str(folder), "--once").returncode == 0
    assert len(digests(folder)) == 4
    assert run("watch", str(folder), "--once", "--json").stdout == b""


def test_a_folder_that_goes_away_ends_the_watch_in_a_line(folder: Path) -> None:
    command = [sys.executable, "-m", "assistant", "watch", str(folder), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stderr is not None
        for _ in range(2):
            running.stdout.readline()
        shutil.rmtree(folder)
        told = running.stderr.read()
        running.wait(30)
    assert running.returncode == 3
    assert b"is gone" in told and b"Traceback" not in told


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    assert run("watch", str(tmp_path / "nowhere"), "--once").returncode == 2
    with Assistant(Settings(), store=None) as assistant, pytest.raises(UsageError, match="no folder"):
        list(watch_folder(tmp_path / "nowhere", assistant, Ask(), once=True))
