"""Measures gain and forgetting on the same tasks before and after tuning, as paired differences. Conversations get the
assistant's prompts, so that users see the same gain.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from assistant.dialogue import parse
from assistant.drafting import draw, write_prompts
from assistant.drafting.writing import write
from assistant.engine.client import Engine
from assistant.engine.tokens import token_counter
from assistant.errors import Interrupted
from assistant.models.registry import choose_backend
from assistant.records import Ask, Draft, GenerationSettings, ModelVersion
from assistant.settings import load_settings
from training.evaluation import gate_set
from training.evaluation.comparison import paired
from training.evaluation.metrics.case import Case
from training.runs.job import Job
from training.sft.config import TuningConfig
from training.sft.examples import Lesson, other_tasks

_SHOWN = ("rouge1", "rouge2", "rougeL", "words_median", "unsupported_rate")
HELD_OUT = "held out"
OTHER_TASKS = "other tasks"

Tasks = dict[str, tuple[Lesson, ...]]
"""Task sets by name; the first is the one trained for."""
Answers = dict[str, list[Case]]
"""Name of a task set -> its cases, with a model's outputs."""


def examination(held_out: Sequence[Lesson], config: TuningConfig) -> Tasks:
    """Return the held-out lessons and those of each `forgetting` file, thinned evenly to the configured numbers.
    Without such files, forgetting is measured on the other tasks of the promotion gate.
    """
    tasks = {HELD_OUT: _some(held_out, config.judge)}
    if config.judge and not config.forgetting:
        fixed = [Lesson(task.prompt, task.answer) for task in gate_set.other_tasks()]
        tasks[OTHER_TASKS] = _some(fixed, config.forgetting_cases)
    for path in map(Path, config.forgetting):
        tasks[_name(path)] = _some(other_tasks(path), config.forgetting_cases)
    return {name: lessons for name, lessons in tasks.items() if lessons}


def ask(model: ModelVersion, tasks: Tasks, job: Job[Any], threads: int) -> Answers:
    """Generate the model's output for every task that fits its window. Raises Interrupted if the user asks to stop."""
    count = token_counter(model.folder)
    fitting = {
        name: [lesson for lesson in lessons if count(lesson.source) <= model.window] for name, lessons in tasks.items()
    }
    total = sum(map(len, fitting.values()))
    if not total:
        return {}
    with Engine() as engine:
        engine.load(model, choose_backend(load_settings(), model), threads)
        on_written = _counter(engine, job, total)
        return {name: _cases(engine, model, lessons, job, on_written) for name, lessons in fitting.items()}


def _cases(
    engine: Engine, model: ModelVersion, lessons: Sequence[Lesson], job: Job[Any], on_written: Callable[[object], None]
) -> list[Case]:
    """Generate with the loaded model for all lessons, in order."""
    settings = GenerationSettings()
    written: dict[int, str] = {}
    asked = [index for index, lesson in enumerate(lessons) if lesson.task]
    groups = [
        write_prompts(parse(lessons[index].dialogue), Ask(task=lessons[index].task or "summary"), model)
        for index in asked
    ]
    if asked:
        found = draw(engine, [part for group in groups for part in group], settings, on_written=on_written)
        drafts = iter(_whole(found.finished.drafts, job))
        written |= {index: "\n\n".join(next(drafts) for _ in group) for index, group in zip(asked, groups, strict=True)}
    exact = [index for index, lesson in enumerate(lessons) if not lesson.task]
    if exact:
        texts = write(engine, [lessons[index].source for index in exact], settings, on_written=on_written).drafts
        written |= dict(zip(exact, _whole(texts, job), strict=True))
    return [
        Case(str(i), lesson.dialogue or lesson.source, (lesson.target,), written[i]) for i, lesson in enumerate(lessons)
    ]


def _whole(drafts: Sequence[Sequence[Draft]], job: Job[Any]) -> list[str]:
    """Return the first draft for every prompt. Raises Interrupted if the user asked to stop."""
    if job.stop.requested or not all(drafts):
        raise Interrupted("stopped while the result was judged; the version was made and is kept")
    return [found[0].text.strip() for found in drafts]


def _counter(engine: Engine, job: Job[Any], total: int) -> Callable[[object], None]:
    done = 0

    def count(_: object) -> None:
        nonlocal done
        done += 1
        job.report({"step": done, "fraction": min(1.0, done / total)})
        if job.stop.requested:
            engine.cancel()

    return count


def gains(before: Answers, after: Answers) -> dict[str, dict[str, Any]]:
    """Return for each task set "n" and, by figure, both values and their paired difference with its 95 % interval."""
    found = {}
    for name, cases in before.items():
        if cases:
            figures = paired(cases, after[name])
            found[name] = {"n": len(cases), **{figure: figures[figure] for figure in _SHOWN}}
    return found


def flat(found: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the gains as figures of a version: "rouge1", "rouge1_gain", "rouge1_change_on_NAME" and others."""
    figures: dict[str, float] = {}
    for name, row in found.items():
        if name == HELD_OUT:
            figures |= {figure: row[figure]["second"] for figure in _SHOWN}
            figures["rouge1_gain"] = row["rouge1"]["difference"]
            figures["judged"] = row["n"]
        else:
            figures[f"rouge1_change_on_{name}"] = row["rouge1"]["difference"]
    return figures


def _some(lessons: Sequence[Lesson], count: int) -> tuple[Lesson, ...]:
    if count <= 0 or len(lessons) <= count:
        return tuple(lessons) if count > 0 else ()
    return tuple(lessons[i * len(lessons) // count] for i in range(count))


def _name(path: Path) -> str:
    return path.name.partition(".")[0]
