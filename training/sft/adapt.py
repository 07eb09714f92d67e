"""`assistant-train adapt`: continued pre-training by span corruption on the user's documents, for domains with a
special vocabulary. Sentinels replace runs of tokens, and the model learns to restore them (Raffel et al. 2020, section
3.1.4; Gururangan et al. 2020 on domain adaptation). Weights, training loop and registration are those of sft.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from assistant.engine.tokens import ModelTokenizer
from assistant.errors import DataMissing, ModelDamaged, UsageError
from assistant.locations import ensure_dir
from assistant.models.registry import choose, resolve
from assistant.settings import load_settings
from knowledge.errors import DocumentUnreadable
from knowledge.loaders import LOADERS, load
from training.runs.data.batches import Example
from training.runs.job import Job
from training.sft.config import AdaptConfig
from training.sft.examples import lesson_of, read_lessons
from training.sft.methods import prepare, start_of, trained_parameters
from training.sft.seq2seq_trainer import CHECKPOINTS, Fit, fit
from training.sft.stage import conclude, join_ranks, peak_memory

_HELD_OUT = 20
"""Every 20th piece is held out."""


def run(job: Job[AdaptConfig]) -> dict[str, Any]:
    """Run `assistant-train adapt`: read the documents, train on them, and register the result."""
    config = job.config
    if config.method == "prompt-tuning":
        raise UsageError("adapt trains weights: --method lora, full or selective")
    if join_ranks().world > 1:
        raise UsageError("adapt runs in one process: start it without torchrun")
    settings = load_settings()
    model = resolve(job.model, settings) if job.model else choose(settings)[0]
    base, adapter = start_of(model, config, settings)
    dev = (Path(config.dev_summaries),) if config.dev_summaries else ()
    job = replace(job, model=model.ref, data=_files(job.data), also=dev)
    pieces = read_pieces(job.data, Path(base.folder), config.chunk_tokens)
    examples = corrupted(pieces, sentinels(Path(base.folder)), config)
    held_out = examples[::_HELD_OUT]
    train = [example for index, example in enumerate(examples) if index % _HELD_OUT]
    if not train:
        raise DataMissing(f"the documents hold {len(pieces)} pieces of {config.chunk_tokens} tokens: give more text")
    lessons = [lesson_of(row, "summary", None) for path in dev for row in read_lessons(path)]
    with job.open_run() as run:
        job.say(f"{len(train)} pieces of at most {config.chunk_tokens} tokens, {len(held_out)} held out")
        with job.stop.at_once():
            tuned = prepare(Path(base.folder), adapter, config)
        place = ensure_dir(run.folder / CHECKPOINTS)
        task = Fit(config, train, held_out, place, run, job.stop, job.report)
        measured = fit(tuned, task)
        job.check_stop(run)
        figures = {
            **measured,
            "perplexity_before": math.exp(measured["dev_loss_before"]),
            "perplexity_after": math.exp(measured["dev_loss"]),
            "trained_parameters": trained_parameters(tuned),
            "peak_memory_mib": peak_memory(),
        }
        return conclude(job, run, model, base, adapter, tuned, figures, lessons)


def plan(job: Job[AdaptConfig]) -> dict[str, Any]:
    """Return base model and counts of documents and pieces, for `--dry-run`. Raises the errors that a run would."""
    settings = load_settings()
    base, _ = start_of(resolve(job.model, settings) if job.model else choose(settings)[0], job.config, settings)
    files = _files(job.data)
    pieces = read_pieces(files, Path(base.folder), job.config.chunk_tokens)
    return {"base": base.ref, "documents": len(files), "pieces": len(pieces)}


def read_pieces(paths: Sequence[Path], base: Path, length: int) -> list[list[int]]:
    """Split the documents' text into pieces of at most `length` tokens, without `</s>`. Reads the file types that
    `knowledge` reads.

    Raises DataMissing if there is no text, and UsageError for other types of files.
    """
    if length < 16:
        raise UsageError("chunk_tokens must be at least 16")
    tokenizer = ModelTokenizer(base)
    pieces = []
    for path in paths:
        ids = tokenizer.encode(_read(path))[:-1]
        pieces += [ids[start : start + length] for start in range(0, len(ids), length)]
    found = [piece for piece in pieces if len(piece) >= 16]
    if not found:
        raise DataMissing("no text in the documents: give --data with files or folders")
    return found


def sentinels(base: Path) -> list[int]:
    """Return the ids of the sentinels <extra_id_0>, <extra_id_1>, … Raises ModelDamaged if there are none."""
    vocabulary = Tokenizer.from_file(str(base / "tokenizer.json")).get_vocab()
    found: list[int] = []
    while (index := vocabulary.get(f"<extra_id_{len(found)}>")) is not None:
        found.append(index)
    if not found:
        raise ModelDamaged(f"the vocabulary of {base.name} has no sentinels (<extra_id_0>): it cannot be adapted")
    return found


def corrupted(pieces: Sequence[Sequence[int]], marks: Sequence[int], config: AdaptConfig) -> list[Example]:
    """Make an example of each piece: the piece with sentinels for runs of tokens, and these runs as the target. `</s>`
    ends both.
    """
    if not 0 < config.noise < 1 or config.span < 1:
        raise UsageError("noise must be between 0 and 1, and span at least 1")
    rng = random.Random(f"{config.seed}/spans")
    return [_corrupt(piece, marks, config, rng) for piece in pieces]


def _corrupt(piece: Sequence[int], marks: Sequence[int], config: AdaptConfig, rng: random.Random) -> Example:
    hidden = max(1, round(config.noise * len(piece)))
    # The number of runs follows from their mean length, and is limited by the number of sentinels.
    runs = max(1, min(round(hidden / config.span), len(marks) - 1, hidden, len(piece) - hidden))
    lengths = _parts(hidden, runs, rng)
    gaps = _parts(len(piece) - hidden, runs, rng)
    source: list[int] = []
    target: list[int] = []
    place = 0
    for mark, gap, length in zip(marks, gaps, lengths, strict=False):
        source += [*piece[place : place + gap], mark]
        target += [mark, *piece[place + gap : place + gap + length]]
        place += gap + length
    return Example([*source, *piece[place:], 1], [*target, marks[min(runs, len(marks) - 1)], 1])


def _parts(total: int, count: int, rng: random.Random) -> list[int]:
    """Draw `count` positive numbers that add up to `total`, uniformly."""
    cuts = [0, *sorted(rng.sample(range(1, total), count - 1)), total]
    return [after - before for before, after in pairwise(cuts)]


def _files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the files, and the readable files in the folders."""
    if not paths:
        raise UsageError("adapt needs --data with documents: files or folders")
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise DataMissing(f"no document at {path}")
        inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in LOADERS and file.is_file())
        found += inside if path.is_dir() else [path]
    return tuple(found)


def _read(path: Path) -> str:
    try:
        return load(path.name, path.read_bytes()).text
    except DocumentUnreadable as error:
        raise UsageError(f"{path} cannot be read as a document: {error}") from error
