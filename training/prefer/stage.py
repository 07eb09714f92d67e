"""`assistant-train prefer`: preference learning without a reward model and without sampling.

maths.py has the losses, trainer.py a training step, and examples.py the data.
"""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from msgspec import structs

from assistant.errors import UsageError
from assistant.feedback.store import Store
from assistant.models.registry import choose, resolve
from assistant.models.versions import VersionFacts, policy_of
from assistant.records import ModelVersion
from assistant.settings import load_settings
from training.ppo.prompts import PromptIds
from training.prefer.config import PreferConfig
from training.prefer.examples import Material, material_of, rated_rows, read_preferred, sources_of
from training.prefer.trainer import Appraise, Beside, Trainer
from training.runs.curves import CURVES, write_curves
from training.runs.data.sources import keep_rows
from training.runs.job import Job, Report
from training.runs.run import Run, StopRequested
from training.runs.versions import make_version, version_of_run


def run(job: Job[PreferConfig]) -> dict[str, Any]:
    """Run `assistant-train prefer`: learn from preferences and register the best adapter."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("prefer runs in one process: start it without torchrun")
    from_store = not job.data
    with job.stop.at_once():
        job = _lasting(job)
        base, adapter, parent = starting_point(job)
        material = material_for(job, base)
    with job.open_run() as run:
        job.say(
            f"{len(material.train)} for training, {len(material.held_out)} held out, {material.left_out} too long; "
            f"{material.steps(job.config)} steps"
        )
        out = job.out or run.folder / "adapter"
        figures = train(
            *(job.config, Path(base.folder), adapter, material, _prompts(material)),
            *(out, run, job.stop),
            report=job.report,
        )
        job.check_stop(run)
        write_curves(run.metrics(), CURVES["prefer"], run.folder / "curves.png")
        # With --out the adapter is just a folder; otherwise it becomes a version.
        made = {} if job.out else {"version": _registered(job.config, base, parent, out, run, figures)}
        if made and from_store:
            with Store.open() as store:
                store.judgements.link_version(made["version"], sources_of(read_preferred(job.data), job.config))
        run.finish(made.get("version", str(out)))
    counts = {"learnt": len(material.train), "held_out": len(material.held_out), "left_out": material.left_out}
    return {
        "run": run.name,
        **made,
        "method": job.config.method,
        "adapter": str(out),
        "curves": str(run.folder / "curves.png"),
        **counts,
        **figures,
    }


def plan(job: Job[PreferConfig]) -> dict[str, Any]:
    """Return base model, counts of examples, and steps, for `--dry-run`. Raises the errors that a run would."""
    base, _, _ = starting_point(job)
    with tempfile.TemporaryDirectory() as place:
        if not job.data:
            job = replace(job, data=(keep_rows("judged", rated_rows(), Path(place)),))
        material = material_for(job, base)
    return {
        "base": base.ref,
        "examples": {
            "learnt": len(material.train),
            "held_out": len(material.held_out),
            "left_out": material.left_out,
        },
        "steps": material.steps(job.config),
    }


def starting_point(job: Job[PreferConfig]) -> tuple[ModelVersion, Path | None, str]:
    """Return the base model, the adapter to continue from, and the version that this adapter belongs to, or ""."""
    settings = load_settings()
    model = resolve(job.model, settings) if job.model else choose(settings)[0]
    if model.soft_prompt:
        raise UsageError(f"{model.ref} has a soft prompt, which prefer cannot train: name another with --model")
    base, adapter = policy_of(model, settings)
    if not job.config.adapter:
        return base, adapter, model.ref if adapter else ""
    if adapter is not None:
        raise UsageError(f"{model.ref} has its own adapter: drop --adapter, or use --model {base.ref}")
    return base, Path(job.config.adapter), ""


def material_for(job: Job[PreferConfig], base: ModelVersion) -> Material:
    """Read the examples from the job's files."""
    dev = read_preferred([job.dev]) if job.dev else None
    return material_of(read_preferred(job.data), dev, base, job.config)


def train(
    config: PreferConfig,
    model: Path,
    adapter: Path | None,
    material: Material,
    prompts: Sequence[PromptIds],
    out: Path,
    run: Run,
    stop: StopRequested,
    *,
    appraise: Appraise | None = None,
    beside: Beside | None = None,
    report: Report = lambda figures: None,
) -> dict[str, float]:
    """Train, from the run's checkpoint if there is one, and write the adapter to `out`. Return figures.

    The KL is measured on answers to `prompts`. `appraise` selects the weights to keep, by default the held-out loss
    does. `beside` adds another loss to every update. If the user asks to stop, saves a checkpoint but writes no
    adapter.
    """
    trainer = Trainer(config, model, adapter, material, prompts, appraise, beside)
    if saved := run.load():
        trainer.restore(*saved)
    else:
        if config.judge_every:
            trainer.judge(run)
        run.save(0, trainer.tree())
    figures = _loop(trainer, config, run, stop, report)
    return figures if trainer.steps < trainer.most_steps else trainer.finish(run, out)


def _loop(trainer: Trainer, config: PreferConfig, run: Run, stop: StopRequested, report: Report) -> dict[str, float]:
    before = time.monotonic() - trainer.seconds
    figures: dict[str, float] = {}
    stopping = False
    while trainer.steps < trainer.most_steps and not stopping:
        metrics = trainer.step()
        trainer.seconds = time.monotonic() - before
        last = trainer.steps == trainer.most_steps
        if last or trainer.steps % config.log_every == 0:
            run.log(trainer.steps, **metrics, **{"time/seconds": trainer.seconds})
        if config.judge_every and (last or trainer.steps % config.judge_every == 0):
            trainer.judge(run)
        stopping = stop.requested
        if stopping or last or trainer.steps % config.save_every == 0:
            run.save(trainer.steps, trainer.tree())
        figures = trainer.figures(metrics)
        report(figures)
    return figures


def _lasting(job: Job[PreferConfig]) -> Job[PreferConfig]:
    """Make the job independent of folder and date, so that it can be resumed: paths become absolute, and ratings of the
    store become a file.
    """
    adapter = str(Path(job.config.adapter).expanduser().resolve()) if job.config.adapter else ""
    return replace(
        job, config=structs.replace(job.config, adapter=adapter), data=job.data or (keep_rows("judged", rated_rows()),)
    )


def _prompts(material: Material) -> list[PromptIds]:
    """Return the distinct held-out prompts."""
    return list({example.prompt.text: example.prompt for example in material.held_out}.values())


def _registered(
    config: PreferConfig, base: ModelVersion, parent: str, adapter: Path, run: Run, figures: dict[str, float]
) -> str:
    """Return the run's version; register it unless that happened before."""
    manifest = run.manifest
    facts = VersionFacts(
        base=base.ref,
        method=config.method,
        parent=parent,
        run=run.name,
        data_hash=manifest.data_hash,
        data=manifest.data,
        figures=dict(figures),
        trained_parameters=int(figures["trained_parameters"]),
        seed=manifest.seed,
        versions=manifest.versions,
        config=manifest.config,
    )
    known = version_of_run(run.name)
    return (known or make_version(base, facts, adapter=adapter)).ref
