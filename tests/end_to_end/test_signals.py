"""Ctrl+C and SIGTERM, from the first import to the last thread: one line and exit 130 or 143."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.command_line import TALK


@pytest.mark.parametrize(
    ("command", "database"),
    [
        (["summarize", "talk.txt"], "store.db"),
        (["summarize", "talk.txt", "--json"], "store.db"),
        (["ask", "Who books the room?", "--json"], "store.db"),
        (["knowledge", "add", "talks"], "catalog.db"),
        (["knowledge", "add", "talks", "--json"], "catalog.db"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_is_one_line_and_exit_130(
    number: signal.Signals,
    command: list[str],
    database: str,
    talk: Path,
    home: Path,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stopped while a model is loaded: the database is made just before, and loading takes longer than noticing it."""
    monkeypatch.chdir(talk.parent)
    (talk.parent / "talks").mkdir()
    for name in range(50):
        (talk.parent / "talks" / f"{name}.txt").write_text(f"{TALK}\nTom: It is room {name}.", encoding="utf-8")
    model = [] if command[0] == "knowledge" else ["--model", str(tiny_model)]
    process = subprocess.Popen(
        [sys.executable, "-m", "assistant", *command, *model],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while process.poll() is None and not list(home.rglob(database)):
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)

    assert (process.returncode, out, len(err.splitlines())) == (130, b"", 1), err
    if "--json" in command:
        assert json.loads(err) == {"error": "stopped; what was finished before is kept", "exit_code": 130}
    else:
        assert err == b"assistant: stopped; what was finished before is kept\n"


def stopped(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run code that stops itself; a job in the background hands down a Ctrl+C that is ignored."""
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


_STOPPED_AT_THE_FIRST_IMPORT = """
import os, sys
from assistant.__main__ import main

class Stop:
    def find_spec(self, name, *rest):
        if name == "assistant.cli":
            os.kill(os.getpid(), {number:d})

sys.meta_path.insert(0, Stop())
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["history"], "assistant: stopped before anything was begun\n"),
        (["history", "--json"], '{"error": "stopped before anything was begun", "exit_code": 130}\n'),
    ],
)
def test_ctrl_c_while_the_first_modules_are_imported_is_answered(
    number: signal.Signals, words: list[str], said: str
) -> None:
    done = stopped(_STOPPED_AT_THE_FIRST_IMPORT.format(number=number), *words)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", said)


_STOPPED_BETWEEN = """
import os, sys
import assistant.cli
from assistant.__main__ import main

run, stop = assistant.cli.main, "import os; os.kill(os.getpid(), {number:d})"
def end():
    try:
        run()
    finally:
        exec(stop)
assistant.cli.main = end if {late} else lambda: exec(stop)
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("late", [False, True], ids=["before the command", "after it"])
def test_a_signal_between_the_command_and_what_is_around_it_is_answered(number: signal.Signals, late: bool) -> None:
    # In an exec(), as where a named tuple is made: CPython would end by the signal, whatever is answered.
    done = stopped(_STOPPED_BETWEEN.format(number=number, late=late), "paths")
    if late:
        assert (done.returncode, done.stderr, "store" in done.stdout) == (0, "", True)
    else:
        assert (done.returncode, done.stderr) == (130, "assistant: stopped before anything was begun\n")


_STOPPED_AT_ITS_END = """
import atexit, os, sys
from assistant.__main__ import main

class Late:
    def __del__(self, kill=os.kill, process=os.getpid()):
        kill(process, {number:d})

if {late}:
    sys.late = Late()
else:
    import assistant.cli
    run = assistant.cli.main
    assistant.cli.main = lambda: (atexit.register(os.kill, os.getpid(), {number:d}), run())
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("late", [False, True], ids=["while threads are waited for", "while modules go"])
def test_a_signal_after_the_result_makes_no_failure_of_it(number: signal.Signals, late: bool) -> None:
    done = stopped(_STOPPED_AT_ITS_END.format(number=number, late=late), "paths")
    assert (done.returncode, done.stderr) == (0, "")
    assert "store" in done.stdout
