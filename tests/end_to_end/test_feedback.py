"""Judging answers from the command line: rate, rank, count, export, import, delete."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command_line import run

_TALK = "Maya: The review moves to Friday.\nTom: I'll book the room.\nMaya: Thank you, Tom."


@pytest.fixture
def drafts(tmp_path: Path, tiny_model: Path) -> list[str]:
    """Ids of three drafts of one request."""
    talk = tmp_path / "talk.txt"
    talk.write_text(_TALK, encoding="utf-8")
    sampled = ("--decoding", "sample", "--temperature", "2", "--drafts", "3", "--seed", "1", "--max-new-tokens", "8")
    answer = json.loads(run("summarize", str(talk), "--model", str(tiny_model), *sampled, "--json").stdout)
    exported = json.loads(run("prompt", "show", str(talk), "--model", str(tiny_model), "--json").stdout)
    assert answer["prompt"] == exported["prompt"]
    return list(answer["draft_ids"])


def as_json(*arguments: str) -> Any:
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_ranking_becomes_pairs_that_another_home_takes_in_whole(
    drafts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranking = tmp_path / "ranking.json"
    first, second, third = drafts
    ranking.write_text(json.dumps({"ranking": [[first], [second]], "fail": [third]}), encoding="utf-8")

    kept = as_json("rank", str(ranking))

    # first > second, first > third, second > third: identical texts would make fewer.
    assert kept["pairs"] == 3
    pairs = tmp_path / "pairs.jsonl"
    run("feedback", "export", "--format", "raw", "-o", str(pairs))
    assert pairs.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("ASSISTANT_HOME", str(tmp_path / "elsewhere"))
    assert as_json("feedback", "import", str(pairs))["pairs"] == 3
    assert as_json("feedback", "import", str(pairs))["rankings"] == 0, "the same file twice adds nothing"


def test_a_rating_can_be_listed_shown_and_deleted(drafts: list[str]) -> None:
    kept = as_json("rate", drafts[0], "down", "--reason", "too long")

    assert [judgement["id"] for judgement in as_json("feedback", "list")] == [kept["id"]]
    assert as_json("feedback", "show", kept["id"])["thumb"] == "down"
    assert as_json("feedback", "stats")["down"] == 1
    assert as_json("feedback", "delete", kept["id"])["ratings"] == 1
    assert as_json("feedback", "list") == []


def test_a_broken_line_is_named_and_nothing_is_imported(tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"dialogue": "A: hi", "chosen": "x", "rejected": "y"}\n{"nothing": 1}\n', encoding="utf-8")

    done = run("feedback", "import", str(lines))

    assert done.returncode == 2
    assert "line 2" in done.stderr.decode()
    assert as_json("feedback", "stats")["rankings"] == 0


def test_an_unknown_answer_cannot_be_rated() -> None:
    done = run("rate", "feedfacecafe", "up")

    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)
