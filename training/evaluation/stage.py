"""Evaluates summaries: `assistant-train evaluate`. Figures have 95 % intervals, clustered by conversation."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from assistant.dialogue import parse
from assistant.errors import UsageError
from assistant.files import write_atomically
from assistant.models.registry import choose, resolve
from assistant.prompts import MODES
from assistant.settings import load_settings
from training.evaluation.config import EvaluateConfig, WritingConfig
from training.evaluation.html_report import Intervals, Section, Table, figures_table, write_report
from training.evaluation.metrics import METRICS, Case, Metric, Scores
from training.evaluation.metrics.bootstrap import interval, intervals, resamples
from training.evaluation.metrics.faithfulness import exchange, follows_swap, says_who
from training.evaluation.metrics.overlap import ROUGE_SIGNATURE
from training.evaluation.suite import answer_suite, read_questions
from training.evaluation.summaries import FileSummarizer, Summarizer, Written, open_summarizer, read_cases
from training.runs.job import Job


def run(job: Job[EvaluateConfig]) -> dict[str, Any]:
    """Run `assistant-train evaluate` for one model in one or several modes."""
    if job.config.suite:
        return _answer_suite(job, job.config.suite)
    cases = read_cases(job.data, job.config.max_steps)
    modes = chosen_modes(job.config.modes)
    metrics = chosen_metrics(job.config)
    summarizer = _summarizer(job)
    try:
        results = {mode: _evaluate(summarizer, cases, mode, metrics, job) for mode in modes}
    finally:
        summarizer.close()
    if job.config.report:
        write_report(job.config.report, f"Evaluation of {results[modes[0]]['model']}", _sections(results))
    if len(results) == 1:
        return results[modes[0]]
    return {"model": results[modes[0]]["model"], "n": len(cases), "modes": results}


def judge(cases: Sequence[Case], metrics: Mapping[str, Metric] = METRICS) -> dict[str, Any]:
    """Return all figures of the metrics and, under "ci", their 95 % intervals, clustered by conversation."""
    clusters = [case.dialogue for case in cases]
    figures: dict[str, float] = {}
    bounds: dict[str, tuple[float, float]] = {}
    for metric in metrics.values():
        scores = score_all(metric.score, cases)
        figures |= dict(zip(metric.figures, metric.pool(scores), strict=True))
        bounds |= dict(zip(metric.figures, intervals(scores, metric.pool, clusters), strict=True))
    return {"n": len(cases), **figures, "ci": bounds}


def chosen_metrics(config: WritingConfig) -> dict[str, Metric]:
    """Return METRICS and, if `learned`, the metrics that need all-MiniLM or the configured classifier. Raises
    UsageError for contradictory options.
    """
    if not config.learned:
        if config.toxicity_model:
            raise UsageError("--no-learned turns toxicity off: drop it or --toxicity-model")
        return METRICS
    from training.evaluation.metrics.learned import LEARNED, judged_by

    if not config.toxicity_model:
        if config.positive_label:
            raise UsageError("--positive-label needs a classifier: add --toxicity-model")
        return METRICS | LEARNED
    from training.evaluation.metrics.classifier import Classifier

    classifier = Classifier(config.toxicity_model, config.positive_label, config.download)
    name = f"{config.toxicity_model} {config.positive_label}".strip()
    return METRICS | LEARNED | {"toxicity": judged_by(classifier.score, name)}


def score_all(score: Any, cases: Sequence[Case]) -> Scores:
    """Score each case; (cases, numbers per case)."""
    return np.array([score(case) for case in cases], dtype=np.float64)


def chosen_modes(names: str) -> list[str]:
    """Return the modes named by `--modes`. Raises UsageError for an unknown mode."""
    wanted = list(MODES) if names == "all" else [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in MODES:
            raise UsageError(f"unknown mode {name!r}: choose from {', '.join(MODES)}, all")
    return wanted


def write_predictions(path: Path, written: Written) -> None:
    """Write JSON Lines of {"id", "summary", "model"}, which `--predictions` reads."""
    lines = [
        json.dumps({"id": case.id, "summary": case.prediction, "model": written.model}, ensure_ascii=False)
        for case in written.cases
    ]
    write_atomically(path, ("\n".join(lines) + "\n").encode())


def _summarizer(job: Job[EvaluateConfig]) -> Summarizer:
    if job.config.predictions:
        if job.model or job.config.swap:
            raise UsageError("--predictions reads summaries from a file: drop --model and --swap")
        return FileSummarizer(job.config.predictions)
    return open_summarizer(job.model, job.config, job.stop, job.report)


def _evaluate(
    summarizer: Summarizer, cases: Sequence[Case], mode: str, metrics: Mapping[str, Metric], job: Job[EvaluateConfig]
) -> dict[str, Any]:
    written = summarizer.write(cases, mode)
    if job.out:
        several = "," in job.config.modes or job.config.modes == "all"
        write_predictions(job.out.with_suffix(f".{mode}{job.out.suffix}") if several else job.out, written)
    judged = {"toxicity": None, **judge(written.cases, metrics)}
    bounds = judged.pop("ci")
    figures, more = _judge_roles(written.cases)
    judged, bounds = judged | figures, bounds | more
    if job.config.swap:
        figures, more = _judge_swap(summarizer, written.cases, mode)
        judged, bounds = judged | figures, bounds | more
    return {
        "model": written.model,
        **judged,
        "ci": bounds,
        "mode": mode,
        "backend": written.backend,
        "seconds": written.seconds,
        "summaries_per_second": len(written.cases) / written.seconds if written.seconds else None,
        "in_parts": written.in_parts,
        "generation": msgspec.to_builtins(job.config.generation) if written.backend else None,
        "scorer": ROUGE_SIGNATURE,
        "toxicity_scorer": metrics["toxicity"].about if "toxicity" in metrics else None,
    }


def _answer_suite(job: Job[EvaluateConfig], suite: Path) -> dict[str, Any]:
    settings = load_settings()
    model = resolve(job.model, settings) if job.model else choose(settings)[0]
    backend = None if job.config.backend == "auto" else job.config.backend
    result = answer_suite(model, read_questions(suite, job.config.max_steps), job, backend)
    if job.config.report:
        table = figures_table("Multiple choice", result, result["ci"], f"n = {result['n']}, {suite.name}")
        write_report(job.config.report, f"Evaluation of {model.ref}", [table])
    return result


def _sections(results: Mapping[str, dict[str, Any]]) -> list[Section]:
    """Return the sections of the report: the figures of each mode, and plots of ROUGE across modes."""
    sections: list[Section] = [
        figures_table(
            f"Figures, {mode}", result, result["ci"], f"n = {result['n']}, 95 % intervals clustered by conversation"
        )
        for mode, result in results.items()
    ]
    sections += [
        Intervals(name, {mode: (row[name], *row["ci"][name]) for mode, row in results.items()})
        for name in ("rouge1", "rouge2", "rougeL")
    ]
    scorer = next(iter(results.values()))["scorer"]
    return [*sections, Table("Scorer", [["name"], [scorer]])]


def _judge_roles(cases: Sequence[Case]) -> tuple[dict[str, Any], dict[str, tuple[float, float]]]:
    """Return `roles_right`, the share of summaries that are closer to the references than to the references with the
    first two speakers exchanged, and its interval. The `roles_right_n` summaries that are equally close to both don't
    count.
    """
    speakers = [parse(case.dialogue).speakers[:2] for case in cases]
    found = [(case, says_who(case, two)) for case, two in zip(cases, speakers, strict=True) if len(two) == 2]
    told = [(case, said) for case, said in found if said is not None]
    if not told:
        return {"roles_right": None, "roles_right_n": 0}, {}
    right = np.array([said for _, said in told], dtype=np.float64)
    drawn = resamples([case.dialogue for case, _ in told])
    bounds = interval([float(right[indices].mean()) for indices in drawn])
    return {"roles_right": float(right.mean()), "roles_right_n": len(told)}, {"roles_right": bounds}


def _judge_swap(
    summarizer: Summarizer, cases: Sequence[Case], mode: str
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Measure how often the summary follows when the first two speakers of the conversation are exchanged.

    `speaker_swap_telling` leaves out summaries that do not change when their speakers are exchanged.
    """
    speakers = [parse(case.dialogue).speakers[:2] for case in cases]
    pairs = [(case, two) for case, two in zip(cases, speakers, strict=True) if len(two) == 2]
    if not pairs:
        raise UsageError("--swap needs conversations with at least two speakers")
    swapped = summarizer.write([replace(case, dialogue=exchange(case.dialogue, *two)) for case, two in pairs], mode)
    follows, telling = [], []
    for (case, two), other in zip(pairs, swapped.cases, strict=True):
        follows.append(float(follows_swap(case.prediction, other.prediction, two)))
        telling.append(exchange(case.prediction, *two) != case.prediction)
    figures = {"speaker_swap": float(np.mean(follows)), "speaker_swap_n": len(pairs)}
    if any(telling):
        figures["speaker_swap_telling"] = float(np.mean([f for f, t in zip(follows, telling, strict=True) if t]))
    drawn = resamples([case.dialogue for case, _ in pairs])
    shares = np.array(follows)
    return figures, {"speaker_swap": interval([float(shares[indices].mean()) for indices in drawn])}
