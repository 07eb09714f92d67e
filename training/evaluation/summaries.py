"""Gets the summaries to evaluate: from a model, from the first turns, or from a file.

A model summarizes as in the assistant: same prompts, same splitting into parts, same choice among drafts.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from assistant.dialogue import parse
from assistant.drafting import draw, write_prompts
from assistant.engine.client import Engine
from assistant.errors import DataMissing, Interrupted, UsageError
from assistant.models.registry import choose, choose_backend, resolve
from assistant.prompts import MODES, join_own, split_reasoning
from assistant.records import Ask, Draft
from assistant.settings import load_settings
from training.evaluation.config import WritingConfig
from training.evaluation.metrics.case import Case
from training.runs.data.datasets import read_rows
from training.runs.job import Report
from training.runs.run import StopRequested

LEADS = {"lead-1": 1, "lead-3": 3}
"""Baseline -> number of first turns that make up the summary."""


@dataclass(frozen=True)
class Written:
    """Cases with predictions, and the model, backend and time in seconds that made them. `in_parts` counts
    conversations that did not fit the window and were summarized in parts.
    """

    cases: tuple[Case, ...]
    model: str
    backend: str | None = None
    seconds: float = 0.0
    in_parts: int = 0


class Summarizer(Protocol):
    """Gets a summary for every case."""

    def write(self, cases: Sequence[Case], mode: str) -> Written: ...

    def close(self) -> None: ...


def read_cases(paths: Sequence[Path], at_most: int = 0) -> list[Case]:
    """Read conversations and references from JSON Lines with "dialogue" and "summary" or "summaries".

    Raises UsageError that names the first row without them or with a repeated id, and DataMissing if there are no rows.
    """
    cases: dict[str, Case] = {}
    for path in paths:
        for number, row in enumerate(read_rows(path), start=1):
            case = _case(row, f"{path}, row {number}", str(row.get("id", len(cases))))
            if case.id in cases:
                raise UsageError(f"{path}, row {number}: the id {case.id!r} is already used in an earlier row")
            cases[case.id] = case
    if not cases:
        raise DataMissing('no data: give --data FILE with "dialogue" and "summary" in each line')
    return list(cases.values())[: at_most or None]


def read_predictions(path: Path, cases: Sequence[Case]) -> Written:
    """Read summaries of the cases from rows of {"id", "summary"}. Raises DataMissing if a case has none."""
    found = {str(row.get("id")): row for row in read_rows(path)}
    missing = [case.id for case in cases if not isinstance(found.get(case.id, {}).get("summary"), str)]
    if missing:
        raise DataMissing(
            f"{path} has no summary for {len(missing)} of {len(cases)} conversations, such as {missing[0]!r}"
        )
    model = str(found[cases[0].id].get("model", path))
    return Written(tuple(replace(case, prediction=found[case.id]["summary"]) for case in cases), model)


def open_summarizer(ref: str, config: WritingConfig, stop: StopRequested, report: Report) -> Summarizer:
    """Return the summarizer for `ref`: a baseline of LEADS, a file of predictions, or a model."""
    if ref in LEADS:
        return LeadSummarizer(ref)
    if ref.endswith((".jsonl", ".jsonl.gz")):
        return FileSummarizer(Path(ref))
    return ModelSummarizer(ref, config, stop, report)


class FileSummarizer:
    """Reads summaries from a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, cases: Sequence[Case], mode: str) -> Written:
        """Return the file's summaries."""
        return read_predictions(self._path, cases)

    def close(self) -> None:
        """Nothing is open."""


class LeadSummarizer:
    """Copies the first turns: the baseline that any model must beat."""

    def __init__(self, name: str) -> None:
        self._name = name

    def write(self, cases: Sequence[Case], mode: str) -> Written:
        """Return the first turns of each conversation, with speakers."""
        start = time.monotonic()
        led = tuple(replace(case, prediction=self._lead(case.dialogue)) for case in cases)
        return Written(led, self._name, seconds=time.monotonic() - start)

    def close(self) -> None:
        """Nothing is open."""

    def _lead(self, dialogue: str) -> str:
        return " ".join(f"{turn.speaker}: {turn.text}" for turn in parse(dialogue).turns[: LEADS[self._name]])


class ModelSummarizer:
    """Summarizes with a model, which an engine serves."""

    def __init__(self, ref: str, config: WritingConfig, stop: StopRequested, report: Report) -> None:
        join_own()
        settings = load_settings()
        self._config, self._stop, self._report = config, stop, report
        self._model = resolve(ref, settings) if ref else choose(settings)[0]
        backend = choose_backend(settings, self._model) if config.backend == "auto" else config.backend
        self._engine = Engine()
        self._backend = self._engine.load(self._model, backend, config.threads).backend

    def write(self, cases: Sequence[Case], mode: str) -> Written:
        """Summarize each case. Raises Interrupted if the user asks to stop."""
        ask = Ask(mode=mode, phrasing=self._config.phrasing or None, settings=self._config.generation)
        groups = [write_prompts(parse(case.dialogue), ask, self._model) for case in cases]
        flat = [part for group in groups for part in group]
        start = time.monotonic()
        drawn = draw(self._engine, flat, ask.settings, on_written=self._counter(len(flat), start))
        seconds = time.monotonic() - start
        if self._stop.requested or not all(drawn.finished.drafts):
            raise Interrupted("stopped; unfinished evaluations are not saved")
        drafts = iter(drawn.finished.drafts)
        written = [
            _joined(case, [next(drafts)[0] for _ in group], mode) for case, group in zip(cases, groups, strict=True)
        ]
        in_parts = sum(len(group) > 1 for group in groups)
        return Written(tuple(written), self._model.ref, self._backend, seconds, in_parts)

    def close(self) -> None:
        """End the engine's worker process."""
        self._engine.close()

    def _counter(self, total: int, start: float) -> Callable[[object], None]:
        done = 0

        def count(_: object) -> None:
            nonlocal done
            done += 1
            self._report({"step": done, "fraction": done / total, "seconds": time.monotonic() - start})
            if self._stop.requested:
                self._engine.cancel()

        return count


def _joined(case: Case, drafts: Sequence[Draft], mode: str) -> Case:
    """Return the case with the summaries of its parts as paragraphs. It counts as cut off if any part was."""
    texts = [
        split_reasoning(draft.text, "summary")[1] if MODES[mode].reasoning else draft.text.strip() for draft in drafts
    ]
    cut = [draft.finished for draft in drafts if draft.finished != "end"]
    return replace(case, prediction="\n\n".join(texts), finished=cut[0] if cut else "end")


def _case(row: dict[str, Any], place: str, name: str) -> Case:
    references = row.get("summaries") or [row.get("summary")]
    is_whole = isinstance(references, list) and all(isinstance(text, str) and text.strip() for text in references)
    if not is_whole or not isinstance(row.get("dialogue"), str) or not row["dialogue"].strip():
        raise UsageError(f'{place}: needs a text "dialogue" and a text "summary" (or a list "summaries")')
    return Case(name, row["dialogue"], tuple(references))
