"""`assistant-train sft`: supervised tuning, from rows to a registered version with its gain and forgetting.

methods.py chooses the weights, seq2seq_trainer.py has the training loop, and examples.py the data.
"""

import os
import resource
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from assistant.engine.tokens import ModelTokenizer
from assistant.errors import DataMissing, Interrupted, UsageError
from assistant.feedback.store import Store
from assistant.locations import ensure_dir
from assistant.models.exporting import export
from assistant.models.registry import choose, resolve
from assistant.models.versions import VersionFacts
from assistant.prompts import hide, restore, show
from assistant.records import ModelVersion
from assistant.settings import load_settings
from training.evaluation.config import WritingConfig
from training.evaluation.metrics.case import Case
from training.runs.curves import CURVES, write_curves
from training.runs.data.batches import Example
from training.runs.data.datasets import read_rows
from training.runs.data.sources import keep_rows
from training.runs.distributed import Ranks
from training.runs.job import Job
from training.runs.run import Run
from training.runs.versions import make_version, note_figures, version_of_run
from training.sft.config import SftConfig, TuningConfig
from training.sft.examples import (
    Lesson,
    Parted,
    lesson_of,
    mixed,
    other_tasks,
    part,
    phrased,
    rated_rows,
    read_lessons,
    reasoning,
)
from training.sft.gains import HELD_OUT, ask, examination, flat, gains
from training.sft.methods import bytes_of, prepare, start_of, trained_parameters, write_result
from training.sft.seq2seq_trainer import CHECKPOINTS, Fit, fit

_HELD_OUT_AT_MOST = 200
"""Conversations held out without `--dev`, at most."""
_SAMPLES = 3
_SAMPLE_TOKENS = 48
_TAUGHT_AT_ONCE = 64
"""A teacher's summaries are saved after each batch of this many."""
_COLUMNS = ("dialogue", "reference", "output")


def run(job: Job[SftConfig]) -> dict[str, Any]:
    """Run `assistant-train sft`: tune the model and register the result."""
    with job.stop.at_once():
        ranks = join_ranks()
        settings = load_settings()
        model = resolve(job.model, settings) if job.model else choose(settings)[0]
        base, adapter = start_of(model, job.config, settings)
        job = replace(job, model=model.ref, data=_files(job), also=_more_files(job.config))
        parted = _part(job)
    if not ranks.leads:
        _follow(job, parted, base, adapter, ranks)
    with job.open_run() as run:
        ranks.share_text(str(run.folder))
        parted = replace(parted, train=_taught(job, parted.train, run)) if job.config.teacher else parted
        with job.stop.at_once():
            train, held_out, left_out = lessons_of(job.config, parted, base)
            job.say(
                f"{len(train)} examples, {len(held_out)} held out; {left_out} too long and left out; "
                f"{parted.leaked} left out because their conversation is held out"
            )
            tuned = prepare(Path(base.folder), adapter, job.config)
        measured = tune(job, tuned, train, held_out, base, run, ranks)
        job.check_stop(run)
        figures = {"leaked": parted.leaked, "left_out": left_out, **measured}
        return conclude(job, run, model, base, adapter, tuned, figures, held_out)


def join_ranks() -> Ranks:
    """Join the processes of this run. GPU tensors use NCCL, everything else gloo."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        distributed.init_process_group("cpu:gloo,cuda:nccl")
    return Ranks()


def tune(
    job: Job[Any],
    model: Any,
    train: Sequence[Lesson],
    held_out: Sequence[Lesson],
    base: ModelVersion,
    run: Run | None,
    ranks: Ranks,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Fit the prepared model to the lessons and return figures. The model ends with the best weights."""
    place = ensure_dir((folder or (run.folder if run else Path())) / CHECKPOINTS)
    tokenizer = ModelTokenizer(Path(base.folder))
    looks = 0

    def look(step: int, current: Any) -> None:
        nonlocal looks
        if job.config.show_every and not job.stop.requested and looks % job.config.show_every == 0:
            job.table(f"step {step}", [_COLUMNS, *_samples(current, tokenizer, held_out, base.speaker_tags)])
        looks += 1

    task = Fit(
        config=job.config,
        train=[_example(lesson, tokenizer, base.speaker_tags) for lesson in train],
        held_out=[_example(lesson, tokenizer, base.speaker_tags) for lesson in held_out],
        folder=place,
        run=run,
        stop=job.stop,
        report=job.report,
        look=look,
        world=ranks.world,
    )
    return {**fit(model, task), "trained_parameters": trained_parameters(model), "peak_memory_mib": peak_memory()}


def conclude(
    job: Job[Any],
    run: Run,
    model: ModelVersion,
    base: ModelVersion,
    adapter: Path | None,
    tuned: Any,
    measured: dict[str, Any],
    held_out: Sequence[Lesson],
) -> dict[str, Any]:
    """Write and register the trained weights, compare the version with the original model, and finish the run."""
    config: TuningConfig = job.config
    kept, weights = write_result(tuned, ensure_dir(run.folder / "result"))
    facts = VersionFacts(
        base=base.ref,
        method=config.method if job.stage == "sft" else f"{job.stage} {config.method}",
        parent=model.ref if adapter is not None else "",
        run=run.name,
        data_hash=run.manifest.data_hash,
        data=run.manifest.data,
        seed=config.seed,
        trained_parameters=measured["trained_parameters"],
        versions=run.manifest.versions,
        config=run.manifest.config,
        figures={key: value for key, value in measured.items() if isinstance(value, float | int)},
    )
    # A run that was stopped during the comparison already has its version.
    version = version_of_run(run.name) or make_version(
        base, facts, adapter=kept, weights=weights, on_progress=lambda _: job.check_stop(run)
    )
    tasks = examination(held_out, config)
    before, after = (ask(one, tasks, job, config.threads) for one in (model, version)) if tasks else ({}, {})
    found = gains(before, after)
    note_figures(version, flat(found))
    if job.out:
        export(version, job.out, "merged")
    write_curves(run.metrics(), CURVES[job.stage], run.folder / "curves.png")
    run.finish(version.ref)
    return {
        "run": run.name,
        "version": version.ref,
        "base": base.ref,
        "parent": facts.parent or None,
        "method": facts.method,
        **measured,
        "result_bytes": bytes_of(run.folder / "result"),
        "gain": found.pop(HELD_OUT, None),
        "forgetting": found,
        "curves": str(run.folder / "curves.png"),
    }


def lessons_of(config: SftConfig, parted: Parted, base: ModelVersion) -> tuple[list[Lesson], list[Lesson], int]:
    """Return the training lessons and the held-out lessons that fit, and the number of those that don't.

    Raises DataMissing if none fits.
    """
    own = phrased(parted.train, config.task, config.phrasings == "all", config.seed)
    held_out = [lesson_of(row, config.task, None) for row in parted.held_out]
    others = []
    if config.replay:
        others.append((other_tasks(Path(config.replay)), config.replay_share))
    if config.rationales:
        others.append((reasoning(Path(config.rationales)), config.rationale_share))
    train = mixed(own, others, config.seed)
    fitting = [fitting_lessons(lessons, base, config) for lessons in (train, held_out)]
    left_out = len(train) + len(held_out) - sum(map(len, fitting))
    return fitting[0], fitting[1], left_out


def fitting_lessons(lessons: Sequence[Lesson], base: ModelVersion, config: TuningConfig) -> list[Lesson]:
    """Return the lessons whose prompt fits the model's window and whose target is not too long. Raises DataMissing if
    there are none.
    """
    tokenizer = ModelTokenizer(Path(base.folder))
    room = base.window - (config.virtual_tokens if config.method == "prompt-tuning" else 0)
    found = [
        lesson
        for lesson in lessons
        if tokenizer.count(lesson.source) <= room and tokenizer.count(lesson.target) <= config.target_tokens
    ]
    if not found:
        raise DataMissing(
            f"none of the {len(lessons)} examples fits: {base.ref} reads {room} tokens and "
            f"target_tokens is {config.target_tokens}"
        )
    return found


def peak_memory() -> float:
    """Return the peak memory of this process in MiB: the GPU's if there is one."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def plan(job: Job[SftConfig]) -> dict[str, Any]:
    """Return base model and counts of lessons, for `--dry-run`. Raises the errors that a run would."""
    settings = load_settings()
    base, _ = start_of(resolve(job.model, settings) if job.model else choose(settings)[0], job.config, settings)
    with tempfile.TemporaryDirectory() as folder:
        parted = _part(replace(job, data=_files(job, Path(folder))))
    if job.config.teacher:
        return {"lessons": {"to be written": len(parted.train), "held_out": len(parted.held_out)}}
    train, held_out, left_out = lessons_of(job.config, parted, base)
    counts = {"learnt": len(train), "held_out": len(held_out), "left_out": left_out, "leaked": parted.leaked}
    return {"base": base.ref, "lessons": counts}


def _files(job: Job[SftConfig], folder: Path | None = None) -> tuple[Path, ...]:
    """Return the data files. Ratings are written to a file first, so that the run can be resumed."""
    found = list(job.data)
    if job.config.rated and job.resume is None:
        with Store.open() as store:
            found.append(keep_rows("rated", rated_rows(store), folder))
    if not found:
        raise UsageError('sft needs --data FILE with "dialogue" and "summary" in each row, or --rated')
    return tuple(found)


def _more_files(config: SftConfig) -> tuple[Path, ...]:
    return tuple(Path(name) for name in (config.replay, config.rationales) if name)


def _part(job: Job[SftConfig]) -> Parted:
    config = job.config
    fields = ("dialogue",) if config.teacher else ("dialogue", "summary")
    rows = [row for path in job.data for row in read_lessons(path, fields)]
    dev = read_lessons(job.dev) if job.dev else None
    parted = part(rows, dev, config.held_out, _HELD_OUT_AT_MOST, config.seed)
    if any(not str(row.get("summary", "")).strip() for row in parted.held_out):
        raise UsageError("held-out conversations need summaries, with a teacher too: give --dev FILE")
    return parted


def _taught(job: Job[SftConfig], rows: Sequence[dict[str, Any]], run: Run) -> list[dict[str, Any]]:
    """Return the rows with the teacher's summaries, which are saved in the run and continued after a stop."""
    from training.evaluation.stage import write_predictions
    from training.evaluation.summaries import ModelSummarizer, Written, read_predictions

    place = run.folder / "teacher.jsonl"
    cases = [Case(str(i), row["dialogue"], (row.get("summary") or "-",)) for i, row in enumerate(rows)]
    done = sum(1 for _ in read_rows(place)) if place.exists() else 0
    written = list(read_predictions(place, cases[:done]).cases) if done else []
    if done < len(cases):
        job.say(f"{job.config.teacher} writes {len(cases) - done} summaries for training")
        with job.stop.at_once():
            teacher = ModelSummarizer(
                job.config.teacher, WritingConfig(threads=job.config.threads), job.stop, job.report
            )
        try:
            for start in range(done, len(cases), _TAUGHT_AT_ONCE):
                try:
                    found = teacher.write(cases[start : start + _TAUGHT_AT_ONCE], "zero-shot")
                except Interrupted:
                    job.check_stop(run)
                    raise
                written += found.cases
                write_predictions(place, Written(tuple(written), found.model))
        finally:
            teacher.close()
    return [
        {**row, "summary": case.prediction} for row, case in zip(rows, written, strict=True) if case.prediction.strip()
    ]


def _follow(job: Job[SftConfig], parted: Parted, base: ModelVersion, adapter: Path | None, ranks: Ranks) -> None:
    """Train in a process other than the leading one, which keeps the run and reports."""
    folder = Path(ranks.share_text(""))
    if job.config.teacher:
        raise UsageError("let a teacher write in one process first: run without torchrun until training begins")
    train, held_out, _ = lessons_of(job.config, parted, base)
    tune(job, prepare(Path(base.folder), adapter, job.config), train, held_out, base, None, ranks, folder)
    raise SystemExit(0)


def _example(lesson: Lesson, tokenizer: ModelTokenizer, tags: Sequence[str]) -> Example:
    shown = show(lesson.source, tags)
    return Example(tokenizer.encode(shown.text), tokenizer.encode(hide(lesson.target, shown.names)))


@torch.no_grad()
def _samples(
    model: Any, tokenizer: ModelTokenizer, held_out: Sequence[Lesson], tags: Sequence[str]
) -> list[tuple[str, str, str]]:
    """Return dialogue, reference and greedy output of the first held-out lessons."""
    was_training = model.training
    model.eval()
    rows = []
    for lesson in held_out[:_SAMPLES]:
        shown = show(lesson.source, tags)
        ids = torch.tensor([tokenizer.encode(shown.text)], device=model.device)
        mask = torch.ones_like(ids)
        made = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=_SAMPLE_TOKENS, do_sample=False)
        output = tokenizer.decode([i for i in made[0].tolist()[1:] if i not in (0, 1)])
        rows.append((lesson.dialogue or lesson.source, lesson.target, restore(output, shown.names)))
    model.train(was_training)
    return rows
