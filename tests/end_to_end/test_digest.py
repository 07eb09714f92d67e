"""The digest as `summarize` shows it: the default answer, beside a model's text only where that is wanted or earned."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_TALK = """\
Maya: Did you book the room for the workshop on 14 May?
Tom: Not yet. Room 4 costs 120 euros for the day.
Maya: That's fine, take it. Can you send me the invoice?
Tom: Sure, I'll send it tomorrow.
"""
_GERMAN = """\
Maja: Hast du den Raum für den Workshop am 14. Mai schon gebucht?
Tom: Noch nicht. Raum 4 kostet 120 Euro für den ganzen Tag.
Maja: Das passt, nimm ihn bitte. Schickst du mir dann die Rechnung?
Tom: Klar, ich schicke sie dir morgen.
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "assistant", *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    place = tmp_path / "talk.txt"
    place.write_text(_TALK, encoding="utf-8")
    return place


def _json(*arguments: str) -> Any:
    done = run("summarize", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_default_is_the_digest_without_a_model_s_text(talk: Path) -> None:
    found = _json(str(talk))

    assert found["model"] == "digest" and found["task"] == "auto"
    assert found["model_text"] == {"text": "", "trusted": False, "shown": False}
    assert "120 euros" in found["summary"] and found["drafts"] == [found["summary"]]
    turns = [line.partition(": ")[2] for line in _TALK.splitlines()]
    for point in found["points"]:
        assert all(piece.strip() in turns[point["turn"]] for piece in point["text"].split("…"))
    assert any(todo["who"] == "Tom" and "send" in todo["what"] for todo in found["todos"])


def test_a_model_asked_for_by_name_adds_its_text_below_as_unchecked(talk: Path, tiny_model: Path) -> None:
    found = _json(str(talk), "--model", str(tiny_model), "--max-new-tokens", "8")

    assert found["model_text"]["shown"] and not found["model_text"]["trusted"]
    digest, _, below = found["summary"].partition("not checked:")
    assert "120 euros" in digest and below.strip() == found["model_text"]["text"]


def test_task_summary_is_the_model_s_text_alone(talk: Path, tiny_model: Path) -> None:
    found = _json(str(talk), "--task", "summary", "--model", str(tiny_model), "--max-new-tokens", "8")

    assert "points" not in found and "120 euros" not in found["summary"]


def test_actions_and_topic_come_from_the_digest_where_the_model_failed_the_exam(talk: Path) -> None:
    actions = _json(str(talk), "--task", "actions")
    assert actions["summary"].startswith("Tom · send")
    assert _json(str(talk), "--task", "topic")["summary"]


def test_no_model_writes_about_a_conversation_in_a_language_it_is_not_proven_in(tmp_path: Path) -> None:
    (tmp_path / "gespraech.txt").write_text(_GERMAN, encoding="utf-8")
    done = run("summarize", str(tmp_path / "gespraech.txt"), "--model", "pocket")

    assert done.returncode == 0, done.stderr
    assert "120 Euro" in done.stdout and "not checked" not in done.stdout
    assert "in German" in done.stderr


def test_a_batch_gives_points_and_to_dos_line_by_line(tmp_path: Path) -> None:
    rows = [{"id": "a", "dialogue": _TALK}, {"id": "b", "dialogue": _GERMAN}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    done = run("summarize", "--jsonl", str(tmp_path / "in.jsonl"), "-o", str(tmp_path / "out.jsonl"))

    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == ["a", "b"]
    assert all(line["model"] == "digest" and line["points"] for line in lines)


@pytest.mark.parametrize(("flag", "value"), [("--points", "0"), ("--words", "0")])
def test_impossible_lengths_are_refused(talk: Path, flag: str, value: str) -> None:
    done = run("summarize", str(talk), flag, value)
    assert done.returncode == 2 and flag in done.stderr
