"""Trains a model with transformers' `Seq2SeqTrainer`: length buckets, held-out evaluation, the best weights, early
stopping, and checkpoints that resume on the same trajectory.

The loss of an update is the mean over all target tokens of its passes and processes, so that 1 x 8 and 8 x 1 examples,
or two processes, give the same update.
"""

import math
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    set_seed,
)

from assistant.errors import AssistantError, Interrupted, TrainingStopped, UsageError
from assistant.files import write_atomically
from training.runs.data.batches import IGNORED, Example, collate
from training.runs.job import Report
from training.runs.run import Run, StopRequested
from training.sft.config import TuningConfig

CHECKPOINTS = "checkpoints"
_COMPLETE = "complete"
"""Empty file, written last: a checkpoint without it is incomplete."""
_LOOK_DUE = "look-due"
"""Empty file in a checkpoint whose evaluation was stopped: a resumed run evaluates first."""
_BUCKET = 50
"""Number of updates whose examples are sorted by length together."""
Look = Callable[[int, Any], None]
"""Called with step and model after each evaluation."""


@dataclass(frozen=True)
class Fit:
    """The input of `fit`: data, callbacks, and the `folder` for checkpoints. `run` is None in all processes but the
    leading one.
    """

    config: TuningConfig
    train: Sequence[Example]
    held_out: Sequence[Example]
    folder: Path
    run: Run | None
    stop: StopRequested = field(default_factory=StopRequested)
    report: Report = lambda figures: None
    look: Look = lambda step, model: None
    world: int = 1


def fit(model: Any, job: Fit) -> dict[str, float]:
    """Train the model in place, from the newest complete checkpoint if there is one. It ends with the best weights.

    If the user asks to stop, saves and returns after the current update or in the middle of an evaluation; the caller
    must check `job.stop`. Raises Interrupted if asked before the first update, when there is nothing to save. Raises
    TrainingStopped if the loss is not finite; the last good checkpoint stays.
    """
    arguments = _arguments(job)
    if arguments.world_size != job.world:
        raise AssistantError(
            f"{job.world} processes were started and {arguments.world_size} train: start with torchrun"
        )
    set_seed(job.config.seed)
    telling = _Telling(job)
    callbacks: list[TrainerCallback] = [telling]
    if job.config.patience:
        callbacks.append(EarlyStoppingCallback(job.config.patience))
    trainer = _Fitter(job, model, arguments, callbacks)
    telling.trainer = trainer
    newest = newest_checkpoint(job.folder)
    if newest and job.run:
        job.run.forget_after(_step_of(newest))
    telling.look_due = bool(newest and (newest / _LOOK_DUE).exists())
    before = time.process_time()
    result = trainer.train(resume_from_checkpoint=str(newest) if newest else None)
    best = trainer.state.best_metric
    return {
        "steps": float(trainer.state.global_step),
        "best_step": float(trainer.state.best_global_step or trainer.state.global_step),
        "train_loss": telling.loss,
        "dev_loss": float(best if best is not None else math.nan if job.stop.requested else trainer.dev_loss()),
        "dev_loss_before": telling.before,
        "seconds": result.metrics.get("train_runtime", 0.0),
        "cpu_seconds": time.process_time() - before,
        "epochs": float(trainer.state.epoch or 0.0),
    }


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the complete checkpoint of the latest step, and remove incomplete ones."""
    found = []
    for place in folder.glob("checkpoint-*"):
        if (place / _COMPLETE).exists():
            found.append(place)
        else:
            shutil.rmtree(place, ignore_errors=True)
    return max(found, key=_step_of, default=None)


def mean_loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    """Return the loss in nats per target token: the sum over this pass divided by the tokens of the whole update."""
    logits = outputs.logits.float()
    count = num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum()
    return (
        functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum") / count
    )


class LengthBuckets(torch.utils.data.Sampler[int]):
    """Samples indices in an order drawn by seed and epoch, with examples of similar length in each update."""

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self._lengths, self._batch, self._seed = lengths, batch, seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch for the next iteration."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        rng = random.Random(f"{self._seed}/{self._epoch}")
        order = list(range(len(self._lengths)))
        rng.shuffle(order)
        batches = []
        step = self._batch * _BUCKET
        for start in range(0, len(order), step):
            near = sorted(order[start : start + step], key=lambda i: self._lengths[i], reverse=True)
            batches += [near[i : i + self._batch] for i in range(0, len(near), self._batch)]
        # The incomplete batch comes last; elsewhere it would shift the members of the updates after it.
        full, rest = [b for b in batches if len(b) == self._batch], [b for b in batches if len(b) < self._batch]
        rng.shuffle(full)
        return iter([index for batch in full + rest for index in batch])


class _LookStopped(Interrupted):
    """The user asked to stop during an evaluation."""

    def __init__(self) -> None:
        super().__init__("stopped before the first update; start again")


class _Fitter(Seq2SeqTrainer):
    def __init__(
        self, job: Fit, model: Any, arguments: Seq2SeqTrainingArguments, callbacks: list[TrainerCallback]
    ) -> None:
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._job, self._base, self._network = job, base, model
        self.pass_losses: list[torch.Tensor] = []
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=list(job.train),
            eval_dataset=list(job.held_out),  # type: ignore[arg-type]
            data_collator=self._collate,
            compute_loss_func=mean_loss,
            callbacks=callbacks,
        )
        self.remove_callback(PrinterCallback)  # It prints to standard output, which is for the result.

    def _collate(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        batch = collate(examples, self._base.config.pad_token_id)
        return {
            "input_ids": batch.input_ids,
            "attention_mask": batch.attention_mask,
            "labels": batch.labels,
            "decoder_input_ids": self._base.prepare_decoder_input_ids_from_labels(batch.labels),
        }

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        config = self._job.config
        update = config.batch_size * config.accumulation * self._job.world
        return LengthBuckets([len(example.source) for example in self._job.train], update, config.seed)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        if not torch.isfinite(loss):
            raise TrainingStopped(f"the loss was {float(loss)} at step {self.state.global_step}: {self.way_on()}")
        self.pass_losses.append(loss)
        return loss

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval", **_: Any
    ) -> dict[str, float]:
        """Return the held-out loss as a mean over tokens; the library's is a mean over batches."""
        loss = self.dev_loss()
        if not math.isfinite(loss):
            raise TrainingStopped(f"the held-out loss was {loss} at step {self.state.global_step}: {self.way_on()}")
        metrics = {f"{metric_key_prefix}_loss": loss}
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _run_epoch(self, *given: Any, **named: Any) -> None:
        # The library checks for the end only after an update, so that a resumed run that is done would add one.
        if self.control.should_training_stop or self._is_done():
            self.control.should_training_stop = True
        else:
            super()._run_epoch(*given, **named)  # type: ignore[no-untyped-call]

    def _is_done(self) -> bool:
        early = [each for each in self.callback_handler.callbacks if isinstance(each, EarlyStoppingCallback)]
        is_patient = all(each.early_stopping_patience_counter < each.early_stopping_patience for each in early)
        return self.state.global_step >= self.state.max_steps or not is_patient

    def look_again(self) -> None:
        """Repeat an evaluation that was stopped, and rewrite its checkpoint with the result. If stopped again, it stays
        due.
        """
        place = self._job.folder / f"checkpoint-{self.state.global_step}"
        try:
            self._determine_best_metric(self.evaluate(), None)
        except _LookStopped:
            self.control.should_training_stop = True
            return
        (place / _COMPLETE).unlink()
        self._save_checkpoint(self.model, None)
        (place / _LOOK_DUE).unlink()

    def _maybe_log_save_evaluate(
        self, tr_loss: Any, grad_norm: Any, model: Any, trial: Any, *more: Any, **named: Any
    ) -> None:
        try:
            super()._maybe_log_save_evaluate(tr_loss, grad_norm, model, trial, *more, **named)
        except _LookStopped:
            self._save_checkpoint(model, trial)
            write_atomically(self._job.folder / f"checkpoint-{self.state.global_step}" / _LOOK_DUE, b"")
            self.control.should_evaluate = self.control.should_save = False
            self.control.should_training_stop = True

    @torch.no_grad()
    def dev_loss(self) -> float:
        """Return the loss in nats per target token over all held-out lessons. Raises _LookStopped if the user asks to
        stop.
        """
        was_training = self._network.training
        try:
            return self._dev_loss()
        finally:
            self._network.train(was_training)

    def _dev_loss(self) -> float:
        self._network.eval()
        order = sorted(self._job.held_out, key=lambda example: len(example.source))
        total, tokens = 0.0, 0
        for start in range(0, len(order), self._job.config.batch_size):
            if self._job.stop.requested:
                raise _LookStopped
            inputs = self._prepare_inputs(self._collate(order[start : start + self._job.config.batch_size]))
            labels = inputs.pop("labels")
            count = int((labels != IGNORED).sum())
            total += float(mean_loss(self._network(**inputs), labels)) * count
            tokens += count
        return total / tokens

    def way_on(self) -> str:
        """Return advice for a loss that is not finite."""
        newest = newest_checkpoint(self._job.folder)
        kept = f"the last good state is in {newest}" if newest else "nothing was saved yet"
        return f"lower --learning-rate and start again; {kept}"

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        place = self._job.folder / f"checkpoint-{self.state.global_step}"
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, RuntimeError) as error:
            # The disk may be full. Remove the incomplete checkpoint; the previous one stays.
            shutil.rmtree(place, ignore_errors=True)
            raise AssistantError(
                f"cannot save to {place}: {' '.join(str(error).split())[:120]}; make room, then go on with --resume"
            ) from error
        if self.args.should_save:
            write_atomically(place / _COMPLETE, b"")


class _Telling(TrainerCallback):
    """Logs metrics, reports progress, and passes on a request to stop."""

    trainer: _Fitter
    look_due = False

    def __init__(self, job: Fit) -> None:
        self._job = job
        self._start = time.monotonic()
        self._first = 0
        self._dev: dict[str, float] = {}
        self.loss = self.before = math.nan

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._first = state.global_step
        run = self._job.run
        if state.global_step == 0:
            self.before = self.trainer.dev_loss()
            if run:
                run.log(0, dev_loss=self.before)
        elif run:
            self.before = next((row["dev_loss"] for row in run.metrics() if row["step"] == 0), math.nan)
        if self.look_due:
            self.trainer.look_again()

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        trainer, job = self.trainer, self._job
        self.loss = float(sum(trainer.accelerator.gather(torch.stack(trainer.pass_losses).sum()).flatten()) / job.world)
        trainer.pass_losses.clear()
        rate = float(trainer.lr_scheduler.get_last_lr()[0]) if trainer.lr_scheduler else 0.0
        if job.run and state.global_step % job.config.log_every == 0:
            job.run.log(state.global_step, loss=self.loss, learning_rate=rate)
        done = state.global_step - self._first
        seconds = time.monotonic() - self._start
        fraction = state.global_step / max(1, state.max_steps)
        # Report seconds only in runs that were not resumed: earlier steps took none of this process's time.
        job.report(
            {"step": state.global_step, "fraction": fraction, "seconds": seconds, "loss": self.loss, **self._dev}
            if done == state.global_step
            else {"step": state.global_step, "fraction": fraction, "loss": self.loss, **self._dev}
        )
        if state.global_step >= state.max_steps:
            control.should_evaluate = True
        if job.stop.requested:
            control.should_save = control.should_training_stop = True

    def on_evaluate(self, args: Any, state: TrainerState, control: TrainerControl, **told: Any) -> None:
        self._dev = {"dev_loss": told["metrics"]["eval_loss"]}
        if self._job.run:
            self._job.run.log(state.global_step, **self._dev)
            self._job.look(state.global_step, self.trainer.model)


def _arguments(job: Fit) -> Seq2SeqTrainingArguments:
    config = job.config
    if config.batch_size < 1 or config.accumulation < 1 or config.save_every < 1 or config.log_every < 1:
        raise UsageError("batch_size, accumulation, save_every and log_every must be at least 1")
    has_gpu = torch.cuda.is_available()
    if config.threads:
        torch.set_num_threads(config.threads)
    # Passed only if needed, because the library warns that it will rename the option.
    frugal: dict[str, Any] = {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": False}}
    return Seq2SeqTrainingArguments(
        output_dir=str(job.folder),
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.accumulation,
        num_train_epochs=config.epochs,
        max_steps=config.max_steps or -1,
        learning_rate=config.rate,
        warmup_steps=config.warmup_steps,
        max_grad_norm=config.max_gradient_norm,
        lr_scheduler_type=config.lr_schedule,
        bf16=config.bf16 and has_gpu,
        use_cpu=not has_gpu,
        **(frugal if config.activation_checkpointing else {}),
        average_tokens_across_devices=True,
        eval_strategy="steps",
        eval_steps=config.save_every,
        save_strategy="steps",
        save_steps=config.save_every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        restore_callback_states_from_checkpoint=True,
        remove_unused_columns=False,
        label_names=["labels"],
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=has_gpu,
        seed=config.seed % 2**32,
        data_seed=config.seed % 2**32,
    )


def _step_of(checkpoint: Path) -> int:
    number = checkpoint.name.rpartition("-")[2]
    return int(number) if number.isdigit() else -1
