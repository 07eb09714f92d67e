"""Multiple choice by log-probability, learned metrics, and the page of results."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assistant.engine.client import Engine
from assistant.engine.protocol import Scored
from assistant.errors import DataMissing, UsageError
from assistant.settings import load_settings
from tests.tiny_models import LESSONS
from training.evaluation import html_report as report
from training.evaluation import stage as evaluation
from training.evaluation.config import EvaluateConfig
from training.evaluation.metrics.case import Case
from training.evaluation.suite import read_questions
from training.runs.job import Job

RIGHT = list(LESSONS.values())


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def ask(model: Path, suite: Path, **settings: Any) -> dict[str, Any]:
    config = EvaluateConfig(suite=suite, backend="ctranslate", threads=1, **settings)
    return evaluation.run(Job(stage="evaluate", config=config, model=str(model)))


def test_the_likeliest_choice_is_the_models_answer(tiny_model: Path, tmp_path: Path) -> None:
    # The tiny model knows which summary belongs to which conversation.
    questions = [
        {"prompt": dialogue, "choices": RIGHT, "answer": i if i else RIGHT[0], "task": f"kind {i}"}
        for i, dialogue in enumerate(LESSONS)
    ]
    questions.append({"prompt": next(iter(LESSONS)), "choices": RIGHT, "answer": 1, "task": "kind 1"})  # mistaken
    questions.append({"prompt": "word " * 600, "choices": ["a", "b"], "answer": 0})
    result = ask(tiny_model, write(tmp_path / "suite.jsonl", questions), report=tmp_path / "page.html")
    assert (result["n"], result["left_out"], result["chance"]) == (3, 1, 0.5)
    assert result["accuracy"] == pytest.approx(2 / 3)
    assert result["tasks"] == {"kind 0": {"n": 1, "accuracy": 1.0}, "kind 1": {"n": 2, "accuracy": 0.5}}
    low, high = result["ci"]["accuracy"]
    assert 0 <= low <= result["accuracy"] <= high <= 1
    assert "accuracy_per_token" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(("answer", "by_sum", "by_mean"), [(0, 1.0, 0.0), (1, 0.0, 1.0)])
def test_a_long_choice_may_lose_by_the_sum_and_win_by_the_mean(
    answer: int, by_sum: float, by_mean: float, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The short choice has one token of -1.5: sum -1.5, mean -1.5. The long one has four of -0.5: sum -2, mean -0.5.
    found = {"short": (-1.5,), "long": (-0.5,) * 4}

    def score(self: Engine, prompts: Sequence[str], completions: Sequence[str]) -> Scored:
        return Scored(id=1, token_log_probabilities=tuple(found[text] for text in completions))

    monkeypatch.setattr(Engine, "score", score)
    suite = write(tmp_path / "suite.jsonl", [{"prompt": "a", "choices": ["short", "long"], "answer": answer}])
    result = ask(tiny_model, suite)
    assert (result["accuracy"], result["accuracy_per_token"]) == (by_sum, by_mean)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"prompt": "a", "choices": ["b"], "answer": 0}, "row 1: needs"),
        ({"prompt": "a", "choices": ["b", ""], "answer": 0}, "row 1: needs"),
        ({"choices": ["b", "c"], "answer": 0}, "row 1: needs"),
        ({"prompt": "a", "choices": ["b", "c"], "answer": 2}, "neither a choice"),
        ({"prompt": "a", "choices": ["b", "c"], "answer": "d"}, "neither a choice"),
        ({"prompt": "a", "choices": ["b", "c"], "answer": True}, "neither a choice"),
    ],
)
def test_a_question_that_is_none_is_named(row: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=complaint):
        read_questions(write(tmp_path / "suite.jsonl", [row]))


def test_no_questions_are_missing_data(tmp_path: Path) -> None:
    with pytest.raises(DataMissing):
        read_questions(write(tmp_path / "suite.jsonl", []))
    assert load_settings()


def test_meaning_and_toxicity_are_measured(tmp_path: Path) -> None:
    from training.evaluation.metrics.learned import LEARNED

    def case(text: str) -> Case:
        return Case("1", "A: hi", ("The meeting moves to Friday.",), text)

    near, far = (LEARNED["similarity"].score(case(text))[0] for text in ("They meet on Friday.", "Cats like fish."))
    assert near > far
    assert LEARNED["similarity"].score(case("The meeting moves to Friday."))[0] == pytest.approx(1.0, abs=1e-5)
    kind, rude = (
        LEARNED["toxicity"].score(case(text))[0] for text in ("Thank you so much.", "You stupid filthy idiots.")
    )
    assert 0 <= kind < rude <= 1
    assert LEARNED["toxicity"].score(case(" ")) == LEARNED["similarity"].score(case("")) == (0.0,)
    data = write(tmp_path / "d.jsonl", [{"dialogue": "A: Thanks, hi.", "summary": "A greets."}] * 1)
    page = tmp_path / "page.html"
    result = evaluation.run(Job(stage="evaluate", config=EvaluateConfig(report=page), data=(data,), model="lead-1"))
    assert 0 <= result["toxicity"] <= 1
    assert set(result["ci"]) >= {"toxicity", "similarity"}
    assert len(re.findall("data:image/png;base64", page.read_text())) == 3


def test_a_page_shows_text_as_text(tmp_path: Path) -> None:
    table = report.Table("<b>", [["a", "b"], ["<script>alert(1)</script>\x1b[31m", "1.5"]])
    plot = report.Intervals("ROUGE", {"before": (1.0, 0.5, 1.5), "after": (2.0, 1.5, 2.5)})
    curve = report.Run("Loss", [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}], {"loss": "loss"})
    page = report.write_report(tmp_path / "page.html", "Report", [table, plot, curve]).read_text()
    assert "<script>" not in page
    assert "\x1b" not in page
    assert '<td class="number">1.5</td>' in page
    assert page.count("data:image/png;base64,iVBOR") == 2
    assert (tmp_path / "page.html").stat().st_mode & 0o777 == 0o600
