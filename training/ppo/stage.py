"""`assistant-train ppo`: sample, score, update, evaluate, save.

The loop follows Ziegler et al. 2019 with the clipped losses of Schulman et al. 2017; trainer.py lists the deviations.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from msgspec import structs

from assistant.errors import DataMissing, TrainingStopped, UsageError
from assistant.models.registry import choose, resolve
from assistant.models.versions import VersionFacts, policy_of
from assistant.records import ModelVersion
from assistant.settings import load_settings
from training.ppo.config import PpoConfig
from training.ppo.prompts import prompt_text
from training.ppo.samples import COLUMNS, Sample, cells
from training.ppo.trainer import PpoInputs, Trainer
from training.reward.provenance import settled
from training.runs.checkpoints import read_checkpoint
from training.runs.curves import CURVES, write_curves
from training.runs.data.datasets import read_rows
from training.runs.distributed import Ranks
from training.runs.job import Job, Report
from training.runs.run import Run, StopRequested
from training.runs.versions import make_version, version_of_run


def run(job: Job[PpoConfig]) -> dict[str, Any]:
    """Run `assistant-train ppo`: train the model's adapter and write the checkpoint that was judged best."""
    if not job.data:
        raise DataMissing("no prompts; give --data FILE.jsonl with rows of 'dialogue' or 'prompt'")
    config = _lasting(job.config)
    job = replace(job, config=config, also=(Path(config.anchor),) if config.anchor else ())
    start = _starting_point(job)
    ranks = Ranks()
    inputs = PpoInputs(config=config, model=start.folder, data=job.data, adapter=start.adapter, dev=job.dev)
    if not ranks.leads:
        train(inputs, Path(), None, job.stop, ranks=ranks)
        raise SystemExit(0)  # The leading process reports for all.

    def show(step: int, samples: Sequence[Sample]) -> None:
        if step % job.config.show_every == 0:
            job.table(f"step {step}", [COLUMNS, *map(cells, samples)])

    with job.open_run() as run:
        out = job.out or run.folder / "adapter"
        figures = train(inputs, out, run, job.stop, ranks=ranks, report=job.report, on_samples=show)
        job.check_stop(run)
        write_curves(run.metrics(), CURVES["ppo"], run.folder / "curves.png")
        # With --out the adapter is just a folder; otherwise it becomes a version.
        made = {} if job.out else {"version": _registered(start, out, run, figures)}
        run.finish(made.get("version", str(out)))
    return {"run": run.name, **made, "adapter": str(out), "curves": str(run.folder / "curves.png"), **figures}


def plan(job: Job[PpoConfig]) -> dict[str, Any]:
    """Return the number of prompts and the base model, for `--dry-run`. Raises the errors that a run would."""
    if not job.data:
        raise DataMissing("no prompts; give --data FILE.jsonl with rows of 'dialogue' or 'prompt'")
    texts = [prompt_text(row, f"{path}, row {n}") for path in job.data for n, row in enumerate(read_rows(path), 1)]
    return {"prompts": len(texts), "base": _starting_point(job).base.ref}


def _lasting(config: PpoConfig) -> PpoConfig:
    """Make the configuration independent of folder and date: paths become absolute, and the newest reward a version."""
    adapter = str(Path(config.adapter).expanduser().resolve()) if config.adapter else ""
    anchor = str(Path(config.anchor).expanduser().resolve()) if config.anchor else ""
    return structs.replace(config, adapter=adapter, anchor=anchor, reward=settled(config.reward))


@dataclass(frozen=True, slots=True)
class _Start:
    """The base model, the adapter to continue from, and the version that this adapter belongs to, or ""."""

    base: ModelVersion
    adapter: Path | None
    parent: str

    @property
    def folder(self) -> Path:
        return Path(self.base.folder)


def _starting_point(job: Job[PpoConfig]) -> _Start:
    settings = load_settings()
    model = resolve(job.model, settings) if job.model else choose(settings)[0]
    base, adapter = policy_of(model, settings)
    if not job.config.adapter:
        return _Start(base, adapter, model.ref if adapter else "")
    if adapter is not None:
        raise UsageError(f"{model.ref} has its own adapter: drop --adapter, or use --model {base.ref}")
    return _Start(base, Path(job.config.adapter), "")


def _registered(start: _Start, adapter: Path, run: Run, figures: dict[str, float]) -> str:
    """Return the run's version; register it unless that happened before."""
    if known := version_of_run(run.name):
        return known.ref
    manifest = run.manifest
    facts = VersionFacts(
        base=start.base.ref,
        method=str(manifest.config["method"]),
        parent=start.parent,
        run=run.name,
        data_hash=manifest.data_hash,
        data=manifest.data,
        figures=dict(figures),
        trained_parameters=int(figures["trained_parameters"]),
        seed=manifest.seed,
        versions=manifest.versions,
        config=manifest.config,
    )
    return make_version(start.base, facts, adapter=adapter).ref


def train(
    inputs: PpoInputs,
    out: Path,
    run: Run | None,
    stop: StopRequested,
    *,
    ranks: Ranks | None = None,
    report: Report = lambda figures: None,
    on_samples: Callable[[int, Sequence[Sample]], None] = lambda step, samples: None,
) -> dict[str, float]:
    """Train, from the run's checkpoint if there is one, and write adapter and value head to `out`. Return figures.

    `run` is None in all processes but the leading one. If the user asks to stop, saves a checkpoint but writes no
    adapter. Raises TrainingStopped if a guard stops the run.
    """
    ranks = ranks or Ranks()
    config = inputs.config
    trainer = Trainer(inputs, ranks)
    if saved := _load(run, ranks):
        trainer.restore(*saved)
    else:
        trainer.judge(run)
        trainer.save(run)
    try:
        figures = _loop(trainer, config, run, stop, ranks, report, on_samples)
    except TrainingStopped as error:
        raise TrainingStopped(f"{error}{trainer.rescue(run)}") from error
    return figures if trainer.steps < config.max_steps else trainer.finish(run, out)


def _loop(
    trainer: "Trainer",
    config: PpoConfig,
    run: Run | None,
    stop: StopRequested,
    ranks: Ranks,
    report: Report,
    on_samples: Callable[[int, Sequence[Sample]], None],
) -> dict[str, float]:
    """Train, log, judge and save until the last step or until the user asks to stop. Return the last step's figures."""
    before = time.monotonic() - trainer.seconds
    figures: dict[str, float] = {}
    stopping = False
    while trainer.steps < config.max_steps and not stopping:
        metrics, samples = trainer.step()
        trainer.seconds = time.monotonic() - before
        if run and trainer.steps % config.log_every == 0:
            run.log(trainer.steps, **metrics, **{"time/seconds": trainer.seconds})
        last = trainer.steps == config.max_steps
        if config.judge_every and (last or trainer.steps % config.judge_every == 0):
            trainer.judge(run)
        stopping = ranks.any(stop.requested)
        if stopping or last or trainer.steps % config.save_every == 0:
            trainer.save(run)
        figures = trainer.figures(metrics)
        report(figures)
        on_samples(trainer.steps, samples)
    return figures


def _load(run: Run | None, ranks: Ranks) -> tuple[int, dict[str, Any]] | None:
    """Read the run's checkpoint in every process."""
    saved = run.load() if run else None
    folder = ranks.share_text(str(run.folder) if run and saved else "")
    if run is None and folder:
        return read_checkpoint(Path(folder) / "checkpoint")
    return saved
