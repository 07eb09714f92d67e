"""Multiple-choice tasks such as GLUE and MMLU. The model's answer is the choice with the highest log-probability."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assistant.engine.client import Engine
from assistant.engine.tokens import token_counter
from assistant.errors import DataMissing, Interrupted, UsageError
from assistant.models.registry import choose_backend
from assistant.records import BackendName, ModelVersion
from assistant.settings import load_settings
from training.evaluation.metrics.bootstrap import interval, resamples
from training.runs.data.datasets import read_rows
from training.runs.job import Job

_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt, its choices, and the index of the right one."""

    prompt: str
    choices: tuple[str, ...]
    answer: int
    task: str


def read_questions(path: Path, at_most: int = 0) -> list[Question]:
    """Read rows of "prompt", "choices" and "answer" (text or index of the right choice), and optionally "task".

    Raises UsageError that names the first invalid row, and DataMissing if there are no rows.
    """
    found = [_question(row, f"{path}, row {number}") for number, row in enumerate(read_rows(path), start=1)]
    if not found:
        raise DataMissing(f"{path} has no questions")
    return found[: at_most or None]


def answer_suite(
    model: ModelVersion, questions: Sequence[Question], job: Job[Any], backend: BackendName | None = None
) -> dict[str, Any]:
    """Return accuracy by the sum of a choice's log-probabilities and by their mean per token, both with 95 % intervals,
    and accuracy by task.

    Questions that do not fit the window are left out and counted.
    """
    count = token_counter(model.folder)
    fitting = [question for question in questions if count(question.prompt) <= model.window]
    if not fitting:
        raise DataMissing(f"no question fits the window of {model.window} tokens of {model.ref}")
    with Engine() as engine:
        engine.load(model, backend or choose_backend(load_settings(), model))
        scores = _scores(engine, fitting, job)
    right = {name: np.array([_is_right(q, s, name) for q, s in zip(fitting, scores, strict=True)]) for name in _SCORES}
    drawn = list(resamples([question.prompt for question in fitting]))
    return {
        "model": model.ref,
        "n": len(fitting),
        "left_out": len(questions) - len(fitting),
        **{name: float(values.mean()) for name, values in right.items()},
        "chance": float(np.mean([1 / len(question.choices) for question in fitting])),
        "ci": {name: interval([float(values[picked].mean()) for picked in drawn]) for name, values in right.items()},
        "tasks": _by_task(fitting, right["accuracy"]),
    }


_SCORES = {"accuracy": sum, "accuracy_per_token": lambda row: sum(row) / len(row)}
"""Figure -> function that turns the log-probabilities of a choice's tokens into its score."""


def _question(row: dict[str, Any], place: str) -> Question:
    choices, answer = row.get("choices"), row.get("answer")
    is_whole = isinstance(choices, list) and len(choices) > 1 and all(isinstance(c, str) and c for c in choices)
    if not is_whole or not isinstance(row.get("prompt"), str):
        raise UsageError(f'{place}: needs a text "prompt", a list of texts "choices" and an "answer"')
    assert isinstance(choices, list)
    number = choices.index(answer) if answer in choices else answer
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < len(choices):
        raise UsageError(f"{place}: the answer {answer!r} is neither a choice nor the number of one")
    return Question(row["prompt"], tuple(choices), number, str(row.get("task", "")))


def _scores(engine: Engine, questions: Sequence[Question], job: Job[Any]) -> list[list[tuple[float, ...]]]:
    """Return the log-probabilities of the tokens of every choice, by question."""
    pairs = [(question.prompt, choice) for question in questions for choice in question.choices]
    rows: list[tuple[float, ...]] = []
    for start in range(0, len(pairs), _AT_ONCE):
        if job.stop.requested:
            raise Interrupted("stopped; unfinished evaluations are not saved")
        batch = pairs[start : start + _AT_ONCE]
        scored = engine.score([prompt for prompt, _ in batch], [choice for _, choice in batch])
        rows += scored.token_log_probabilities
        job.report({"step": len(rows), "fraction": len(rows) / len(pairs)})
    found = iter(rows)
    return [[next(found) for _ in question.choices] for question in questions]


def _is_right(question: Question, rows: Sequence[tuple[float, ...]], score: str) -> float:
    values = [_SCORES[score](row) for row in rows]
    return float(int(np.argmax(values)) == question.answer)


def _by_task(questions: Sequence[Question], right: Any) -> dict[str, dict[str, float]]:
    grouped: dict[str, list[float]] = defaultdict(list)
    for question, value in zip(questions, right, strict=True):
        grouped[question.task].append(float(value))
    if set(grouped) == {""}:
        return {}
    return {name: {"n": len(values), "accuracy": sum(values) / len(values)} for name, values in sorted(grouped.items())}
