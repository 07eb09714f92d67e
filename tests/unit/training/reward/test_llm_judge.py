"""A model that judges by principles: asked in both orders, on probation first, and revising what it is shown.

The model is a tiny T5 of FLAN-T5's shape that knows its answers by heart. What a real one is worth as
a judge is not tested here: it has to pass the probe.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_models import build_tiny_model
from training.cli import run
from training.reward.llm_judge import COMPARE, REVISE

_TALKS = ("Maya: Tea?\nTom: Yes.", "Ana: Cake?\nBob: No.")
_TOLD = "Say who it was."
_PRINCIPLES = f'[[principles]]\nname = "honest"\ntext = "{_TOLD}"\nchecks = ["-1*unsupported"]\n'


def _texts(talk: str) -> tuple[str, str, str]:
    """A good draft, a poor one, and the good one without the stranger that both of them name."""
    one, two = (line.partition(":")[0] for line in talk.splitlines())
    return f"{one} asks {two}, says Zoe.", "They talk, says Zoe.", f"{one} asks {two}."


def _question(talk: str, first: str, second: str, told: str) -> str:
    return COMPARE.format(principles=told, conversation=talk, first=first, second=second).strip()


@pytest.fixture(autouse=True)
def on_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As int8 so small a model forgets what it knows by heart."""
    monkeypatch.setenv("ASSISTANT_MODEL_BACKEND", "transformers")


@pytest.fixture(scope="module")
def judge_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lessons = {}
    for talk, other in (_TALKS, _TALKS[::-1]):
        good, poor, revised = _texts(talk)
        for told, worse in (("", _texts(other)[0]), (_TOLD, poor)):
            lessons[_question(talk, good, worse, told)] = "A"
            lessons[_question(talk, worse, good, told)] = "B"
        lessons[REVISE.format(principles=_TOLD, conversation=talk, draft=good).strip()] = revised
    return build_tiny_model(tmp_path_factory.mktemp("judge") / "tiny", steps=200, tied=False, lessons=lessons)


def _judge(tmp_path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    # The good draft first: the probe holds it against the first draft of the other conversation.
    rows = [{"id": n, "dialogue": talk, "drafts": list(_texts(talk)[:2])} for n, talk in enumerate(_TALKS)]
    (tmp_path / "drafts.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "own.toml").write_text(_PRINCIPLES)
    files = ("--data", str(tmp_path / "drafts.jsonl"), "--principles", str(tmp_path / "own.toml"))
    code = run(["constitution", *files, "-o", str(tmp_path / "made.jsonl"), *words, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert code == 0, said
    return dict(said)


def test_a_model_that_proved_able_judges_and_revises(
    judge_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = _judge(tmp_path, capsys, "--model", str(judge_model))
    assert said["asked"] == {"able": True, "probe": 1.0}
    made = [json.loads(line) for line in (tmp_path / "made.jsonl").read_text().splitlines()]
    # Both drafts name Zoe, so that the checks say nothing: what is decided here the model decided.
    assert [(row["chosen"], row["rejected"]) for row in made] == [_texts(talk)[:2] for talk in _TALKS]
    assert all(row["rater"] == "constitution" for row in made)
    revised = [json.loads(line) for line in (tmp_path / "made.revisions.jsonl").read_text().splitlines()]
    assert [(row["dialogue"], row["summary"]) for row in revised] == [(talk, _texts(talk)[2]) for talk in _TALKS]
    assert all(row["rater"] == "constitution" for row in revised) and said["revisions"] == 2


def test_a_model_that_answers_alike_in_both_orders_has_no_say(
    taught_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = _judge(tmp_path, capsys, "--model", str(taught_model))
    assert said["asked"] == {"able": False, "probe": 0.0}
    assert said["pairs"] == said["revisions"] == 0 and not (tmp_path / "made.revisions.jsonl").exists()


def test_a_model_that_is_not_to_be_asked_is_not_even_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = _judge(tmp_path, capsys, "--model", str(tmp_path / "none"), "--ask", "never")
    assert said["asked"] == {"able": False, "probe": None} and said["pairs"] == 0
