"""A model that judges by principles: asked in both orders, on probation first, and revising what it is shown.

The model is scripted, so that what is tested is the judging and not what a tiny model learned.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from assistant.engine.client import Engine
from assistant.models.registry import POCKET, resolve
from assistant.settings import Settings
from tests.doubles import ScriptedEngine
from training.cli import run as run_command
from training.reward.ai_feedback.llm_judge import COMPARE, REVISE, Asker, ModelAsker
from training.reward.ai_feedback.stage import run
from training.reward.config import ConstitutionConfig
from training.runs.job import Job

_TALKS = ("Maya: Tea?\nTom: Yes.", "Ana: Cake?\nBob: No.")
_TOLD = "Name people."
_PRINCIPLES = f'[[principles]]\nname = "honest"\ntext = "{_TOLD}"\nchecks = ["-1*unsupported"]\n'


def _texts(talk: str) -> tuple[str, str, str]:
    """A good draft, a poor one, and the good one without the stranger that both of them name."""
    one, two = (line.partition(":")[0] for line in talk.splitlines())
    return f"{one} asks {two}, says Zoe.", "They talk, says Zoe.", f"{one} asks {two}."


def _able(prompt: str) -> str:
    """Prefers the conversation's own good draft in either order, and takes the stranger out of it."""
    for talk, other in (_TALKS, _TALKS[::-1]):
        good, poor, revised = _texts(talk)
        for told, worse in (("", _texts(other)[0]), (_TOLD, poor)):
            for first, second, answer in ((good, worse, "A"), (worse, good, "B")):
                asked = COMPARE.format(principles=told, conversation=talk, first=first, second=second)
                if prompt == asked.strip():
                    return answer
        if prompt == REVISE.format(principles=_TOLD, conversation=talk, draft=good).strip():
            return revised
    raise AssertionError(f"no answer for {prompt}")


@pytest.fixture
def job(tmp_path: Path) -> Job[ConstitutionConfig]:
    # The good draft first: the probe holds it against the first draft of the other conversation.
    rows = [{"id": n, "dialogue": talk, "drafts": list(_texts(talk)[:2])} for n, talk in enumerate(_TALKS)]
    (tmp_path / "drafts.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "own.toml").write_text(_PRINCIPLES)
    config = ConstitutionConfig(principles=tmp_path / "own.toml")
    data, made = tmp_path / "drafts.jsonl", tmp_path / "made.jsonl"
    return Job(stage="constitution", config=config, data=(data,), model="scripted", out=made)


def _judge(job: Job[ConstitutionConfig], reply: Callable[[str], str]) -> dict[str, Any]:
    model = resolve(POCKET, Settings())  # for its tokenizer and window
    engine = ScriptedEngine(model, reply)

    def open_scripted(ref: str, config: ConstitutionConfig, report: Any) -> Asker:
        return ModelAsker(cast(Engine, engine), model, config, report)

    said = run(job, open_scripted)
    assert engine.closed
    return said


def test_a_model_that_proved_able_judges_and_revises(job: Job[ConstitutionConfig], tmp_path: Path) -> None:
    said = _judge(job, _able)
    assert said["asked"] == {"able": True, "probe": 1.0}
    made = [json.loads(line) for line in (tmp_path / "made.jsonl").read_text().splitlines()]
    # Both drafts name Zoe, so the checks are silent: the model decides.
    assert [(row["chosen"], row["rejected"]) for row in made] == [_texts(talk)[:2] for talk in _TALKS]
    assert all(row["rater"] == "constitution" for row in made)
    revised = [json.loads(line) for line in (tmp_path / "made.revisions.jsonl").read_text().splitlines()]
    assert [(row["dialogue"], row["summary"]) for row in revised] == [(talk, _texts(talk)[2]) for talk in _TALKS]
    assert all(row["rater"] == "constitution" for row in revised) and said["revisions"] == 2


def test_a_model_that_answers_alike_in_both_orders_has_no_say(job: Job[ConstitutionConfig], tmp_path: Path) -> None:
    said = _judge(job, lambda prompt: "A")
    assert said["asked"] == {"able": False, "probe": 0.0}
    assert said["pairs"] == said["revisions"] == 0 and not (tmp_path / "made.revisions.jsonl").exists()


def test_a_model_that_is_not_to_be_asked_is_not_even_loaded(
    job: Job[ConstitutionConfig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ("--data", str(job.data[0]), "--principles", str(tmp_path / "own.toml"), "-o", str(job.out))
    assert run_command(["constitution", *files, "--model", str(tmp_path / "none"), "--ask", "never", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["asked"] == {"able": False, "probe": None} and said["pairs"] == 0


@pytest.mark.slow
def test_a_tiny_trained_model_is_served_and_asked(
    job: Job[ConstitutionConfig],
    taught_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The real engine end to end. What so small a model answers is chance, so only the shape is asserted."""
    monkeypatch.setenv("ASSISTANT_MODEL_BACKEND", "transformers")
    files = ("--data", str(job.data[0]), "--principles", str(tmp_path / "own.toml"), "-o", str(job.out))
    assert run_command(["constitution", *files, "--model", str(taught_model), "--json"]) == 0
    assert 0.0 <= json.loads(capsys.readouterr().out)["asked"]["probe"] <= 1.0
