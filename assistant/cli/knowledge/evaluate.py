"""`assistant knowledge evaluate`: measure how well the user's documents are found, and compare with the last run."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from assistant.answering.library import open_library
from assistant.cli.output import note, progress_bar, say, say_json
from assistant.errors import DataMissing
from assistant.files import write_atomically
from assistant.records import Record
from assistant.settings import load_settings
from knowledge.answers.quotes import best_quotes
from knowledge.documents import SearchResult
from knowledge.evaluation import (
    Question,
    Report,
    make_questions,
    read_questions,
    still_asked,
)
from knowledge.evaluation import evaluate as measure
from knowledge.library import Library

_LOWER_IS_BETTER = {"false_refusals", "false_answers", "p50_ms", "p95_ms"}


class Measured(Record, frozen=True):
    """A stored result: when it was measured, with which questions and index, and the report.

    `asked` is a hash of the questions; only results for the same questions are compared. `questions` are stored if
    Parley made them.
    """

    when: str
    asked: str
    embedder: str
    reranker: str
    documents: int
    passages: int
    report: Report
    questions: tuple[Question, ...] = ()


def evaluate(questions: Path | None = None, *, limit: int = 200, fresh: bool = False, json: bool = False) -> int:
    """Measure how well questions find their passages. Without a file, Parley makes questions from your documents.

    The next run with the same questions shows the difference, for example after a change of the embedder.

    Examples:

      assistant knowledge evaluate

      assistant knowledge evaluate questions.jsonl

    Parameters
    ----------
    questions
        Lines {"question", "relevant": [file names], "answers": [...], "answerable": true}.
    limit
        Make at most this many questions.
    fresh
        Make new questions instead of asking the last ones again.
    json
        Print one JSON object.
    """
    settings = load_settings().knowledge
    with open_library(settings, note) as library:
        place = library.folder / ("evaluation.json" if questions is None else "evaluation-file.json")
        before = _kept(place)
        asked = read_questions(questions) if questions else _own_questions(library, before, limit, fresh)
        if not asked:
            raise DataMissing("nothing to ask about: add documents first (assistant knowledge add PATH)")
        embedder = library.embedder()

        def quote(question: str, result: SearchResult) -> str:
            found = best_quotes(question, result, embedder, most=1)
            return found[0].text if found else ""

        with progress_bar("Asking", len(asked)) as bar:
            report = measure(
                library.search,
                asked,
                text_of=lambda hit: library.context(hit.passage_id)[0],
                quote=quote,
                on_done=bar.to,
            )
        now = Measured(
            when=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            asked=hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:16],
            embedder=embedder.identity,
            reranker=settings.reranker,
            documents=sum(not file.reason for file in library.files()),
            passages=library.catalog.passage_count(),
            report=report,
            questions=tuple(asked) if questions is None else (),
        )
    write_atomically(place, msgspec.json.encode(now))
    earlier = before if before is not None and before.asked == now.asked else None
    if json:
        say_json(_as_json(now, earlier, made=questions is None))
    else:
        _print(now, earlier)
        if questions is None:
            note("Questions made from your documents are easier than real ones: use them to compare runs.")
    return 0


def _own_questions(library: Library, before: Measured | None, limit: int, fresh: bool) -> Sequence[Question]:
    """The questions of the last run, so that results can be compared, or new ones."""
    kept = [] if fresh or before is None else still_asked(before.questions, library.catalog)
    return kept[:limit] or make_questions(library.catalog, limit)


def _kept(place: Path) -> Measured | None:
    try:
        return msgspec.json.decode(place.read_bytes(), type=Measured)
    except (OSError, ValueError, RecursionError):
        return None  # never measured, or by a version with other figures


def _changes(now: Report, before: Report) -> dict[str, float]:
    """The difference, now minus before, of every figure that both reports have."""
    pairs = [(name, getattr(now, name), getattr(before, name)) for name in now.__struct_fields__]
    return {name: new - old for name, new, old in pairs if isinstance(new, float) and isinstance(old, float)}


def _as_json(now: Measured, before: Measured | None, *, made: bool) -> dict[str, Any]:
    index = {name: getattr(now, name) for name in ("embedder", "reranker", "documents", "passages")}
    earlier = {**msgspec.to_builtins(before.report), "when": before.when} if before else None
    change = _changes(now.report, before.report) if before else None
    return {**msgspec.to_builtins(now.report), "made": made, "index": index, "before": earlier, "change": change}


def _print(now: Measured, before: Measured | None) -> None:
    changes = _changes(now.report, before.report) if before else {}
    for name, value in msgspec.to_builtins(now.report).items():
        shown = "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
        say(f"{name:15} {shown:>8}{_shown_change(name, changes.get(name))}")
    if before is not None:
        say(f"\nBeside: {before.when}, {before.documents} documents, {before.passages} passages, {before.embedder}")


def _shown_change(name: str, change: float | None) -> str:
    if change is None:
        return ""
    if abs(change) < 0.0005:
        return "   as before"
    better = (change < 0) == (name in _LOWER_IS_BETTER)
    return f"   {change:+.3f} {'better' if better else 'worse'}"
