"""Trains pocket, the bundled summarizer, from scratch: tokenizer, model, export.

A T5 v1.1 (Raffel et al. 2020; gated GELU after Shazeer 2020) learns summaries and topics of dialogues in every wording
that Parley uses, and instructions and span corruption if the data have them. Its token embeddings start from principal
components of all-MiniLM-L6-v2's, which saves about a third of the first epoch. With `--model`, training continues from
the weights and tokenizer of a model of the same width, with a new optimizer. The exported weights are an exponential
moving average.

A few thousand dialogues are soon memorized. Training therefore hides words in the decoder's input (Bowman et al. 2016,
section 3.1) and in the source, drops channels, smooths labels, and starts some dialogues late.

A summary with swapped speakers is wrong in only one or two tokens, which hardly changes the mean loss per token.
`contrast` adds a logistic loss on the difference in log-likelihood to the right summary, with shared encoder states:
generated negatives as in CLIFF (Cao & Wang 2021, section 3), compared as Bradley-Terry pairs.
"""

import math
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch.nn import functional
from transformers import T5ForConditionalGeneration

from assistant.errors import TrainingStopped, UsageError
from assistant.locations import models_dir
from assistant.models.registry import resolve
from assistant.prompts import TASKS
from assistant.settings import load_settings
from training.evaluation.config import WritingConfig
from training.evaluation.metrics.case import Case
from training.pocket.config import PocketConfig
from training.pocket.corpus import INSTRUCTION, SUMMARY, TEXT, Row, of_kind, read_corpus
from training.pocket.encoding import Corpus, epoch_batches, example, gather
from training.pocket.model import (
    blend,
    build_model,
    export,
    load_weights,
    read_weights,
    share_dropout,
    warm_start_embeddings,
)
from training.pocket.tokenizer import train_tokenizer
from training.runs.curves import CURVES, write_curves
from training.runs.data.augmentation import name_speakers
from training.runs.data.batches import IGNORED, Batch, bucket, collate
from training.runs.job import Job, Report
from training.runs.model_card import Card, CardData, write_card
from training.runs.run import Run, StopRequested

CONVERTED = "ctranslate"
"""Name of the int8 conversion inside the model's folder."""
_UNKNOWN = 2
"""The id of `<unk>`, which replaces hidden words."""
_HELD_OUT = 100
"""Held-out dialogues per evaluation during training; more would take too long."""


def run(job: Job[PocketConfig]) -> dict[str, Any]:
    """Run `assistant-train pocket`: train, convert, and write the card. The result is a model folder."""
    from assistant.engine.conversion import convert_folder

    settings = load_settings()
    start = Path(resolve(job.model, settings).folder) if job.model else None
    others = [Path(resolve(reference, settings).folder) for reference in job.config.blend]
    if not job.data:
        raise UsageError('pocket needs --data FILE: JSON Lines with "dialogue" and "summary"')
    rows, held_out = read_corpus(job.data, job.dev)
    with job.open_run() as run:
        out = job.out or models_dir() / run.name
        trained = train(job.config, rows, held_out, out, run, job.stop, job.report, start=start, others=others)
        job.check_stop(run)
        convert_folder(out, out / CONVERTED)
        judged = _judge(job, out, held_out[: job.config.judge])
        write_card(out, _card(job, rows, held_out, trained, judged))
        write_curves(run.metrics(), CURVES["pocket"], run.folder / "curves.png")
        run.finish(str(out))
    return {"run": run.name, "model": str(out), **trained, "judged": judged}


def train(
    config: PocketConfig,
    rows: Sequence[Row],
    held_out: Sequence[Row],
    out: Path,
    run: Run,
    stop: StopRequested,
    report: Report = lambda figures: None,
    *,
    start: Path | None = None,
    others: Sequence[Path] = (),
) -> dict[str, float]:
    """Train, from the run's checkpoint if there is one, and write the model to `out`. Return its figures.

    `start` is the folder of a model to continue from. At the end, the weights are averaged with those of `others`. If
    the user asks to stop, saves a checkpoint but writes no model. Raises UsageError if a model's shape differs, and
    TrainingStopped if the loss is not finite.
    """
    tokenizer = _tokenizer(config, rows, run, start)
    corpus = gather(rows, config, tokenizer)
    state = _State(config, tokenizer, start)
    blended = [read_weights(folder, state.model) for folder in others]
    if saved := run.load():
        state.restore(*saved)
    run.log(state.steps, left_out=corpus.left_out)
    held_out = held_out[:_HELD_OUT]
    clock = time.monotonic() - state.seconds
    for batch in state.batches(corpus):
        loss = state.step(batch)
        state.seconds = time.monotonic() - clock
        if state.steps % config.log_every == 0:
            report(_log(state, run, loss))
        if state.steps % config.save_every == 0:
            state.judge(held_out, run)
            run.save(state.steps, state.tree())
        if stop.requested:
            run.save(state.steps, state.tree())
            break
    else:
        state.judge(held_out, run)
        run.save(state.steps, state.tree())
        model = state.averaged()
        blend(model, blended)
        export(model, tokenizer, config, out)
    return state.figures() | {"rows": len(rows), "left_out": corpus.left_out}


class _State:
    """The state of a training, which checkpoints save."""

    def __init__(self, config: PocketConfig, tokenizer: Tokenizer, start: Path | None = None) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.model = build_model(config)
        if start is not None:
            load_weights(self.model, start)
        elif config.warm_start:
            warm_start_embeddings(self.model, tokenizer)
        share_dropout(self.model, config.dropout)
        self.model.train()
        self.optimizer = torch.optim.Adafactor(self.model.parameters(), lr=config.learning_rate)
        self.average = {name: value.detach().clone() for name, value in self.model.named_parameters()}
        self.steps = self.epoch = self.position = 0
        self.seconds = 0.0
        self.judged: float | None = None

    def tree(self) -> dict[str, Any]:
        parameters = dict(self.model.named_parameters())
        return {
            "model": parameters,
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "position": self.position,
            "seconds": self.seconds,
            "judged": self.judged,
        }

    def restore(self, steps: int, tree: dict[str, Any]) -> None:
        with torch.no_grad():
            for name, value in self.model.named_parameters():
                value.copy_(tree["model"][name])
        self.average = tree["average"]
        self.optimizer.load_state_dict(tree["optimizer"])
        self.steps, self.epoch, self.position = steps, tree["epoch"], tree["position"]
        self.seconds, self.judged = tree["seconds"], tree["judged"]

    def batches(self, corpus: Corpus) -> Iterator[Batch]:
        """Yield the remaining batches, pass by pass, until the training is over."""
        while not self.is_over():
            for number, batch in enumerate(epoch_batches(self.config, corpus, self.tokenizer, self.epoch)):
                if number >= self.position:
                    self.position += 1
                    yield batch
                if self.is_over():
                    return
            self.epoch, self.position = self.epoch + 1, 0

    def is_over(self) -> bool:
        return self.fraction() >= 1.0

    def fraction(self) -> float:
        """Return the completed fraction of the training, 0 to 1."""
        if self.config.max_steps:
            return self.steps / self.config.max_steps
        return self.seconds / (60 * self.config.minutes)

    def step(self, batch: Batch) -> float:
        """Perform an update. Return the loss, with smoothed labels."""
        rate = self.config.learning_rate * min(1.0, (self.steps + 1) / self.config.warmup_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * 0.5 * (1.0 + math.cos(math.pi * min(1.0, self.fraction())))
        # A resumed training must hide and drop the same as an uninterrupted one.
        torch.manual_seed(self.config.seed + self.steps)
        loss = self._loss(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingStopped(f"the loss was {value} at step {self.steps}: lower --learning-rate and resume")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.steps += 1
        # The average follows quickly at first; the decay then grows to its final value.
        decay = min(self.config.ema_decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                self.average[name].lerp_(parameter, 1 - decay)
        return value

    def averaged(self) -> T5ForConditionalGeneration:
        """Return a model with the averaged weights."""
        model = build_model(self.config)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(self.average[name])
        model.eval()
        return model

    def judge(self, held_out: Sequence[Row], run: Run) -> None:
        """Evaluate on held-out rows and log the figures."""
        figures = self.held_out(held_out)
        self.judged = figures["dev_loss"]
        run.log(self.steps, **figures)

    def figures(self) -> dict[str, float]:
        """Return the figures of the training."""
        count = sum(parameter.numel() for parameter in self.model.parameters())
        figures = {"steps": self.steps, "epochs": self.epoch, "minutes": self.seconds / 60, "parameters": count}
        return figures if self.judged is None else figures | {"dev_loss": self.judged}

    @torch.no_grad()
    def held_out(self, rows: Sequence[Row]) -> dict[str, float]:
        """Evaluate the averaged weights on summaries in the default wording: the loss in nats per target token, without
        smoothing, and the share of summaries that are likelier than their copy with exchanged speakers.
        """
        current, self.model = self.model, self.averaged()
        examples = [example(row["dialogue"], row["summary"], "summary", None, self.tokenizer) for row in rows]
        total = tokens = right = told = 0.0
        for indices in bucket(examples, self.config.batch_tokens, random.Random(0)):
            batch = collate([examples[i] for i in indices], 0)
            logits, margins = self._read(batch)
            count = int((batch.labels != IGNORED).sum())
            total += float(cross_entropy(logits, batch.labels)) * count
            tokens += count
            right += int((margins > 0).sum())
            told += len(margins)
        self.model = current
        return {"dev_loss": total / tokens} | ({"dev_roles": right / told} if told else {})

    def _loss(self, batch: Batch) -> torch.Tensor:
        logits, margins = self._read(batch, self.config.word_dropout, self.config.source_dropout)
        loss = cross_entropy(logits, batch.labels, self.config.label_smoothing)
        return loss + self.config.contrast * functional.softplus(-margins).mean() if len(margins) else loss

    def _read(
        self, batch: Batch, word_dropout: float = 0.0, source_dropout: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logits of the labels, (batch, target length, pieces), and for the examples with an exchanged
        target the log-likelihood of the right one minus that of the exchanged one, in nats, (these examples,).
        """
        inputs = functional.pad(batch.labels[:, :-1].clamp(min=0), (1, 0))
        hidden = _drawn(inputs, word_dropout)
        rows = torch.arange(len(inputs))
        contrasted = (batch.exchanged != IGNORED).any(dim=1).nonzero().flatten()
        exchanged = batch.exchanged[contrasted]
        both = torch.cat([inputs, functional.pad(exchanged[:, :-1].clamp(min=0), (1, 0))])
        rows = torch.cat([rows, contrasted])
        # The same positions are hidden in both, so that they differ only in their speakers.
        both = both.masked_fill(hidden[rows], _UNKNOWN)
        source = batch.input_ids.masked_fill(_drawn(batch.input_ids, source_dropout), _UNKNOWN)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            states = self.model.encoder(input_ids=source, attention_mask=batch.attention_mask)
            logits = self.model(
                encoder_outputs=(states.last_hidden_state[rows],),
                attention_mask=batch.attention_mask[rows],
                decoder_input_ids=both,
            ).logits.float()
        logits, others = logits[: len(inputs)], logits[len(inputs) :]
        margins = log_likelihood(logits[contrasted], batch.labels[contrasted]) - log_likelihood(others, exchanged)
        return logits, margins


def _drawn(ids: torch.Tensor, share: float) -> torch.Tensor:
    """Choose a share of the ids to hide, except padding, EOS and start."""
    return (torch.rand(ids.shape) < share) & (ids > _UNKNOWN)


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """Return the mean loss per label, in nats, without IGNORED labels."""
    return functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, label_smoothing=smoothing
    )


def log_likelihood(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the log-likelihood of each row's labels, in nats, (batch,)."""
    losses = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="none")
    return -losses.view(labels.shape).sum(dim=1)


def _tokenizer(config: PocketConfig, rows: Sequence[Row], run: Run, start: Path | None) -> Tokenizer:
    place = run.folder / "tokenizer.json"
    if place.exists():
        return Tokenizer.from_file(str(place))
    if start is not None:
        tokenizer = Tokenizer.from_file(str(start / place.name))
        tokenizer.save(str(place))
        return tokenizer
    rng = random.Random(config.seed)
    plain = [(row["dialogue"], row["summary"]) for row in of_kind(rows, SUMMARY)]
    named = [name_speakers(*pair, rng) for pair in plain]
    others = [row["text"] for row in of_kind(rows, TEXT)]
    pairs = [*plain, *named, *((row["input"], row["target"]) for row in of_kind(rows, INSTRUCTION))]
    phrasings = [phrasing.text for task in TASKS.values() for phrasing in task.phrasings] * 200
    tokenizer = train_tokenizer([*map("\n".join, pairs), *others, *phrasings], config.pieces)
    tokenizer.save(str(place))
    return tokenizer


def _judge(job: Job[PocketConfig], out: Path, rows: Sequence[Row]) -> dict[str, Any] | None:
    """Evaluate the finished model on held-out dialogues, with the assistant's prompts. None if there are no rows."""
    from training.evaluation.stage import judge
    from training.evaluation.summaries import ModelSummarizer

    if not rows:
        return None
    cases = [Case(str(i), row["dialogue"], (row["summary"],)) for i, row in enumerate(rows)]
    summarizer = ModelSummarizer(str(out.resolve()), WritingConfig(backend="ctranslate"), job.stop, job.report)
    try:
        return judge(summarizer.write(cases, "zero-shot").cases)
    finally:
        summarizer.close()


def _card(
    job: Job[PocketConfig],
    rows: Sequence[Row],
    held_out: Sequence[Row],
    trained: dict[str, float],
    judged: dict[str, Any] | None,
) -> Card:
    config = job.config
    measured = {} if judged is None else _with_intervals(judged)
    return Card(
        title="Pocket, a small dialogue summarizer",
        summary=(
            f"A T5 v1.1-shaped encoder-decoder of {trained['parameters'] / 1e6:.1f} M parameters "
            f"({config.encoder_layers}+{config.decoder_layers} layers, width {config.width}, {config.pieces:,} pieces) "
            "trained from scratch."
        ),
        licence=config.licence,
        data=[
            CardData(", ".join(path.name for path in job.data), len(rows), "training"),
            CardData(job.dev.name if job.dev else "every twentieth row of the same", len(held_out), "held out"),
        ],
        figures=measured
        | {
            "held-out loss, nats a token": f"{trained['dev_loss']:.3f} (n = {len(held_out[:_HELD_OUT])})",
            "steps": f"{trained['steps']:,.0f}",
            "minutes": f"{trained['minutes']:.0f}",
            "longer than the window, left out": f"{trained['left_out']:,.0f}",
        },
        limits=[
            f"Reads {config.window} tokens at a time; longer conversations are summarized in parts.",
            "Knows English everyday dialogue; other languages, jargon and formats are beyond it.",
            "Writes fluently even where it is wrong: it mixes up who said what, and invents names and numbers.",
        ],
        command=f"assistant-train pocket {' '.join(f'--data {path.name}' for path in job.data)} --seed {config.seed}",
    )


def _with_intervals(judged: dict[str, Any]) -> dict[str, str]:
    return {
        f"{name}, n = {judged['n']}": f"{judged[name]:.3g} [{low:.3g}, {high:.3g}]"
        for name, (low, high) in judged["ci"].items()
    }


def _log(state: _State, run: Run, loss: float) -> dict[str, float]:
    metrics = {"loss": loss, "epoch": float(state.epoch), "seconds": state.seconds, "fraction": state.fraction()}
    run.log(state.steps, **metrics)
    judged = {} if state.judged is None else {"dev_loss": state.judged}
    return {"step": float(state.steps), **metrics, **judged}
