"""`assistant summarize` over a file of conversations: resumed after a kill, refused where it would mix outputs."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.end_to_end.command_line import SHORT, TALK, run


def write_rows(path: Path, count: int) -> list[str]:
    ids = [f"row-{n}" for n in range(count)]
    with path.open("w", encoding="utf-8") as stream:
        for n, identity in enumerate(ids):
            stream.write(json.dumps({"id": identity, "dialogue": TALK + f"\nTom: It is room {n}." * (n % 5)}) + "\n")
    return ids


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_batch_killed_half_way_resumes_with_no_line_lost_or_doubled(tmp_path: Path, tiny_model: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    ids = write_rows(source, 400)
    arguments = ["summarize", "--jsonl", str(source), "-o", str(target), "--model", str(tiny_model), *SHORT]
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
    rows = [{"id": 1, "dialogue": TALK}, {"id": 2, "dialogue": "  "}, {"id": 3, "dialogue": TALK}]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    done = run("summarize", "--jsonl", str(source), "-o", str(target), "--model", str(tiny_model), *SHORT)

    lines = read_lines(target)
    assert done.returncode == 1
    assert [line["id"] for line in lines] == [1, 2, 3]
    assert "error" in lines[1] and "error" not in lines[2]
