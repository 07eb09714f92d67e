"""`assistant` as a person runs it: in a process of its own, with files, pipes, exit codes and kills."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assistant.dialogue import parse
from assistant.feedback import Store, local_rater
from assistant.marking import numbers_of
from tests.unit.assistant.marking.test_marks import a_mark

_TALK = "Maya: The review moves to Friday.\nTom: I'll book the room.\nMaya: Thank you, Tom."
_SHORT = ("--task", "summary", "--decoding", "greedy", "--max-new-tokens", "8")


def run(*arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "assistant", *arguments],
        input=stdin if stdin is not None else b"",
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.txt"
    path.write_text(_TALK, encoding="utf-8")
    return path


def test_a_file_gives_a_summary_as_the_last_line(talk: Path, tiny_model: Path) -> None:
    done = run("summarize", str(talk), "--model", str(tiny_model), *_SHORT)

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_json_has_the_documented_keys(talk: Path, tiny_model: Path) -> None:
    done = run("summarize", str(talk), "--model", str(tiny_model), *_SHORT, "--json")

    answer = json.loads(done.stdout)
    documented = "summary drafts model backend mode prompt prompt_tokens completion_tokens seconds completion_id"
    assert set(documented.split()) <= set(answer)
    assert answer["drafts"] == [answer["summary"]]
    assert answer["backend"] == "ctranslate"


def test_to_dos_go_to_a_private_file_beside_the_digest(talk: Path, tmp_path: Path) -> None:
    todos = tmp_path / "todos.md"
    done = run("summarize", str(talk), "--task", "digest", "--todos-to", str(todos))

    assert done.returncode == 0, done.stderr
    assert todos.read_text(encoding="utf-8") == "- [ ] Tom · book the room\n"
    assert todos.stat().st_mode & 0o077 == 0
    assert "1 to-do written" in done.stderr.decode() and "To do" in done.stdout.decode()


def test_standard_input_is_read_like_a_file(talk: Path, tiny_model: Path) -> None:
    common = ("--model", str(tiny_model), *_SHORT)

    expected = run("summarize", str(talk), *common).stdout
    assert expected
    assert run("summarize", *common, stdin=_TALK.encode()).stdout == expected
    assert run("summarize", "-", *common, stdin=_TALK.encode()).stdout == expected


_EXPORT = """\
[12:01] Maya created group "Review"
[12:03] Maya: The review moves to Friday.
[12:04] Maya: <Media omitted>
[12:05] Tom: I'll book the room.
"""


def test_lines_that_nobody_said_are_counted_and_speakers_renamed(tiny_model: Path) -> None:
    command = ("summarize", "--model", str(tiny_model), *_SHORT, "--rename", "Maya=Zoë")

    done = run(*command, stdin=_EXPORT.encode("utf-16"))
    told = json.loads(run(*command, "--json", stdin=_EXPORT.encode("latin-1")).stdout)

    assert "left out" in done.stderr.decode() and "2 messages · 2 people" in done.stderr.decode()
    assert (told["format"], told["left_out"], told["turns"]) == ("chat", 2, 2)
    assert "Zoë: The review moves to Friday.\nTom: I'll book the room." in told["prompt"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "nothing to summarize"),
        (b"  \n\n ", "nothing to summarize"),
        (b"\x00\x01\x02\xff" * 100, "text"),
    ],
    ids=["empty", "blank", "binary"],
)
def test_an_unreadable_input_is_one_line_and_exit_2(
    content: bytes, complaint: str, tmp_path: Path, tiny_model: Path
) -> None:
    path = tmp_path / "input"
    path.write_bytes(content)

    done = run("summarize", str(path), "--model", str(tiny_model))

    assert (done.returncode, done.stdout) == (2, b"")
    assert len(done.stderr.splitlines()) == 1
    assert complaint in done.stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["summarize", "no-such-file"], 2, "no-such-file"),
        (["summarize", "."], 2, "folder"),
        (["summarize", "talk.txt", "--mode", "nonsense"], 2, "few-shot"),
        (["summarize", "talk.txt", "--model", "nobody/nothing"], 3, "nobody/nothing"),
        (["summarize", "talk.txt", "--no-such-flag"], 2, "no-such-flag"),
        (["summarize", "talk.txt", "--decoding", "greedy", "--drafts", "2"], 2, "greedy"),
        (["summarize", "talk.txt", "--temperature", "0"], 2, "temperature"),
        (["summarize", "talk.txt", "--todos-to", "todos.txt"], 2, ".ics"),
        (["summarize", "talk.txt", "--todos-to", "todos.md", "--task", "summary"], 2, "--task digest"),
        (["summarize", "--jsonl", "in.jsonl", "--todos-to", "todos.md"], 2, "--jsonl"),
        (["no-such-verb"], 2, "no-such-verb"),
        ([], 2, "terminal"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_is_one_line_with_its_exit_code(
    arguments: list[str], code: int, complaint: str, talk: Path
) -> None:
    done = run(*arguments)

    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert complaint in done.stderr.decode()


def test_an_error_under_json_is_one_object(talk: Path) -> None:
    done = run("summarize", str(talk), "--model", "nobody/nothing", "--json")

    error = json.loads(done.stderr)
    assert error["exit_code"] == done.returncode == 3
    assert "nobody/nothing" in error["error"]


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
        (talk.parent / "talks" / f"{name}.txt").write_text(f"{_TALK}\nTom: It is room {name}.", encoding="utf-8")
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


def test_an_unknown_setting_is_refused_with_the_nearest_name(talk: Path, home: Path) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text("[generation]\ntop_kk = 3\n", encoding="utf-8")

    done = run("summarize", str(talk))

    assert done.returncode == 2
    assert "generation.top_k" in done.stderr.decode()


def write_rows(path: Path, count: int) -> list[str]:
    ids = [f"row-{n}" for n in range(count)]
    with path.open("w", encoding="utf-8") as stream:
        for n, identity in enumerate(ids):
            stream.write(json.dumps({"id": identity, "dialogue": _TALK + f"\nTom: It is room {n}." * (n % 5)}) + "\n")
    return ids


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_batch_killed_half_way_resumes_with_no_line_lost_or_doubled(tmp_path: Path, tiny_model: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    ids = write_rows(source, 400)
    arguments = ["summarize", "--jsonl", str(source), "-o", str(target), "--model", str(tiny_model), *_SHORT]
    first = subprocess.Popen([sys.executable, "-m", "assistant", *arguments], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (target.exists() and target.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.005)
    first.send_signal(signal.SIGKILL)
    first.wait()
    # A kill in the middle of a write leaves half a line.
    with target.open("ab") as stream:
        stream.write(b'{"id": "row-')
    done_before = len(target.read_bytes().splitlines()) - 1
    assert 0 < done_before < 400, "the kill came too early or too late to show anything"

    done = run(*arguments)

    assert done.returncode == 0, done.stderr
    lines = read_lines(target)
    assert [line["id"] for line in lines] == ids
    fresh = tmp_path / "fresh.jsonl"
    run(*(str(fresh) if argument == str(target) else argument for argument in arguments))
    assert [line["summary"] for line in lines] == [line["summary"] for line in read_lines(fresh)]
    assert target.stat().st_mode & 0o077 == 0


def test_a_batch_refuses_an_output_that_belongs_to_another_input(tmp_path: Path, tiny_model: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_rows(source, 3)
    target.write_text('{"id": "somebody-else", "summary": "x"}\n', encoding="utf-8")

    done = run("summarize", "--jsonl", str(source), "-o", str(target), "--model", str(tiny_model))

    assert done.returncode == 2
    assert target.read_text(encoding="utf-8") == '{"id": "somebody-else", "summary": "x"}\n'


def test_a_broken_line_is_named_and_nothing_is_written(tmp_path: Path, tiny_model: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"id": 1, "dialogue": "A: hi"}\n{"id": 2}\n', encoding="utf-8")

    done = run("summarize", "--jsonl", str(source), "-o", str(target), "--model", str(tiny_model))

    assert done.returncode == 2
    assert "line 2" in done.stderr.decode()
    assert not target.exists()


def test_a_conversation_that_cannot_be_read_costs_only_its_own_line(tmp_path: Path, tiny_model: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [{"id": 1, "dialogue": _TALK}, {"id": 2, "dialogue": "  "}, {"id": 3, "dialogue": _TALK}]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    done = run("summarize", "--jsonl", str(source), "-o", str(target), "--model", str(tiny_model), *_SHORT)

    lines = read_lines(target)
    assert done.returncode == 1
    assert [line["id"] for line in lines] == [1, 2, 3]
    assert "error" in lines[1] and "error" not in lines[2]


def test_the_prompt_is_shown_exactly(talk: Path, tiny_model: Path) -> None:
    done = run("prompt", "show", str(talk), "--model", str(tiny_model))

    assert done.stdout.decode().startswith("Summarize the following conversation.\n\nMaya: The review moves to Friday.")

    of_pocket = run("prompt", "show", str(talk), "--model", "pocket").stdout.decode()
    assert of_pocket.startswith("Summarize the following conversation.\n\n#Person1#: The review moves to Friday.")


def test_every_place_is_under_the_one_home(home: Path) -> None:
    places = json.loads(run("paths", "--json").stdout)

    assert all(place.startswith(str(home)) for place in places.values())
    assert not home.exists(), "asking where things lie creates nothing"


def test_what_was_kept_in_digests_is_told_and_forgotten(talk: Path) -> None:
    answer = json.loads(run("summarize", str(talk), "--task", "digest", "--json").stdout)
    with Store.open() as store:
        numbers = {"amount": 1.0}
        mark = a_mark("ab12", rater=local_rater(), completion=answer["completion_id"], numbers=numbers)
        store.judgements.judge(mark, made_now=True)
    told = json.loads(run("feedback", "stats", "--json").stdout)["points"]
    assert (told["kept"], told["dropped"]) == (1, 0) and told["moved"]["amount"] > 0
    assert b"1 kept, 0 dropped" in run("feedback", "stats").stdout
    assert b"point kept: Room 4 costs" in run("feedback", "list").stdout
    assert json.loads(run("feedback", "show", "ab1", "--json").stdout)["kind"] == "mark"

    assert run("feedback", "reset", "points").stdout.startswith(b"Forgot 1 mark.")
    told = json.loads(run("feedback", "stats", "--json").stdout)["points"]
    assert (told["kept"], told["moved"]) == (0, {})
    assert run("feedback", "reset", "everything").returncode == 2
    assert run("feedback", "delete", "ab12").stdout.startswith(b"Deleted 1 judgements")


def test_the_next_digest_follows_what_was_dropped(tmp_path: Path) -> None:
    said = ("The hall has a stage with new lights.", "Room 4 costs 120 euros.", "The garden is open until dark.")
    text = "\n".join(f"{name}: {one}" for name, one in zip(("Maya", "Tom", "Maya"), said, strict=True))
    file = tmp_path / "rooms.txt"
    file.write_text(text, encoding="utf-8")

    def best() -> dict[str, Any]:
        answer = json.loads(run("summarize", str(file), "--task", "digest", "--points", "1", "--json").stdout)
        return {"completion": answer["completion_id"], **answer["points"][0]}

    before = best()
    with Store.open() as store:
        for number in range(30):
            turn = number % 3
            numbers = numbers_of(parse(text), turn, 0, len(said[turn]))
            verdict = "drop" if turn == before["turn"] else "keep"
            mark = a_mark(f"d{number}", completion=before["completion"], number=number, says=verdict, numbers=numbers)
            store.judgements.judge(msgspec.structs.replace(mark, rater=local_rater()))
    assert best()["turn"] != before["turn"]
    run("feedback", "reset", "points")
    assert best()["turn"] == before["turn"]
