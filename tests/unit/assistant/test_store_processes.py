"""The store among several programs: real processes that write at once, are killed, or keep it locked."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assistant.errors import StoreUnavailable
from assistant.feedback import Store
from assistant.locations import store_file
from tests.builders import a_completion

_PROJECT = Path(__file__).parents[3]

_RATE = """
import sys
from assistant.feedback import Store
name, count = sys.argv[1], int(sys.argv[2])
with Store.open() as store:
    sys.stdin.readline()  # both start at once
    for i in range(count):
        store.judgements.rate("c1", "up" if i % 2 else "down", rater=f"{name}{i}")
        print(f"{name}{i}", flush=True)  # acknowledged
"""

_CREATE = """
import sys
from pathlib import Path
from assistant.feedback import Store
for number in range(25):
    sys.stdin.readline()
    with Store.open(Path(sys.argv[1], f"{number}.db")) as store:
        store.chats.new("one of several")
    print(number, flush=True)
"""


@contextmanager
def _python(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_PROJECT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _go(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def test_two_processes_write_two_thousand_ratings_at_once_and_none_is_lost() -> None:
    with Store.open() as store:
        store.completions.add([a_completion()])
        with _python(_RATE, "a", "1000") as one, _python(_RATE, "b", "1000") as other:
            _go(one, other)
            assert len(one.communicate()[0].split()) == 1000
            assert len(other.communicate()[0].split()) == 1000
        assert {rating.rater for rating in store.judgements.ratings()} == {f"{n}{i}" for n in "ab" for i in range(1000)}


def test_a_process_killed_while_writing_loses_nothing_it_acknowledged() -> None:
    with Store.open() as store:
        store.completions.add([a_completion()])
    with _python(_RATE, "a", "100000") as process:
        _go(process)
        assert process.stdout is not None
        seen = [process.stdout.readline().strip() for _ in range(40)]
        os.kill(process.pid, signal.SIGKILL)
        seen += process.communicate()[0].split()
    with Store.open() as store:
        kept = {rating.rater for rating in store.judgements.ratings()}
        assert kept >= set(seen)
        assert len(kept) <= len(seen) + 1  # at most one was kept and not yet acknowledged
        with store.database.reading() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_several_processes_may_make_a_store_at_once(tmp_path: Path) -> None:
    with (
        _python(_CREATE, str(tmp_path)) as a,
        _python(_CREATE, str(tmp_path)) as b,
        _python(_CREATE, str(tmp_path)) as c,
    ):
        for number in range(25):
            _go(a, b, c)
            for process in (a, b, c):
                assert process.stdout is not None
                assert process.stdout.readline() == f"{number}\n"
    for number in range(25):
        with Store.open(tmp_path / f"{number}.db") as store:
            assert len(store.chats.newest()) == 3


def test_a_store_that_stays_locked_is_given_up_in_one_line_after_the_wait() -> None:
    with Store.open(wait=0.2) as store:
        holder = sqlite3.connect(store_file(), isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        start = time.monotonic()
        with pytest.raises(StoreUnavailable, match="in use by another program") as caught:
            store.chats.new()
        assert time.monotonic() - start > 0.15
        assert "\n" not in str(caught.value)
        assert store.chats.newest() == []  # reading goes on
        holder.execute("COMMIT")
        holder.close()
        assert store.chats.new().messages == 0


_READ_ONLY = """
import os
import sys
import urllib.parse  # some Pythons first need it below, when this user may not read them any more
from pathlib import Path
from assistant.errors import StoreUnavailable
from assistant.feedback import Store
path = Path(sys.argv[1])
if os.geteuid() == 0:  # root may write anywhere
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    Store.open(path / "new" / "store.db")
except StoreUnavailable as error:
    print(error)
try:
    with Store.open(path / "store.db") as store:
        store.chats.new()
except StoreUnavailable as error:
    print(error)
with Store.open(path / "store.db", read_only=True) as store:
    print(store.completions.get("c1").answer)
    try:
        store.chats.new()
    except StoreUnavailable as error:
        print(error)
"""


def test_in_a_home_that_cannot_be_written_the_store_is_read_and_refuses_writes_in_one_line() -> None:
    with tempfile.TemporaryDirectory() as folder:  # not below tmp_path, which other users cannot enter
        path = Path(folder) / "store.db"
        with Store.open(path) as store:
            store.completions.add([a_completion()])
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        run = subprocess.run([sys.executable, "-c", _READ_ONLY, folder], capture_output=True, text=True, cwd=_PROJECT)
        Path(folder).chmod(0o755)
    assert run.stderr == ""
    lines = run.stdout.splitlines()
    assert len(lines) == 4
    assert "Permission denied" in lines[0]
    assert "ASSISTANT_HOME" in lines[1]
    assert lines[2] == a_completion().answer
    assert "reading only" in lines[3]


def test_without_a_store_a_reader_is_told_and_nothing_is_made(home: Path) -> None:
    with pytest.raises(StoreUnavailable, match="nothing is stored yet"):
        Store.open(read_only=True)
    assert not home.exists()
