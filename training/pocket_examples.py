"""Rows -> what pocket learns from: augmented, put into prompts, tokenized, in batches. Knows no model."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from tokenizers import Tokenizer

from assistant.errors import DataMissing
from assistant.prompts import TASKS, render
from assistant.records import Task
from training.augment import name_speakers, rename_people, swap_speakers, write_as_chat
from training.batches import Batch, Example, bucket, collate
from training.recipes.pocket import PocketConfig

Row = dict[str, Any]


def within_window(rows: Sequence[Row], config: PocketConfig, tokenizer: Tokenizer) -> tuple[list[Row], int]:
    """The rows whose source fits the window in the default phrasing, and how many do not."""
    fitting = [
        row
        for row in rows
        if len(example(row["dialogue"], row["summary"], "summary", None, tokenizer).source) <= config.window
    ]
    if not fitting:
        raise DataMissing(f"none of the {len(rows)} dialogues fits the window of {config.window} tokens")
    return fitting, len(rows) - len(fitting)


def epoch_batches(config: PocketConfig, rows: Sequence[Row], tokenizer: Tokenizer, epoch: int) -> Iterator[Batch]:
    """The batches of one pass, the same for the same seed and epoch."""
    rng = random.Random(f"{config.seed}/{epoch}")
    examples = [augmented(row, config, tokenizer, rng) for row in rows]
    examples = [made for made in examples if len(made.source) <= config.window]
    for indices in bucket(examples, config.batch_tokens, rng):
        yield collate([examples[i] for i in indices], 0)


def augmented(row: Row, config: PocketConfig, tokenizer: Tokenizer, rng: random.Random) -> Example:
    """A row as one pass shows it: each change is drawn anew."""
    task: Task = "topic" if row.get("topic") and rng.random() < config.topics else "summary"
    dialogue, target = row["dialogue"], row[task]
    if rng.random() < config.renames:
        dialogue, target = rename_people(dialogue, target, rng, config.made_up)
    if rng.random() < config.chats:
        dialogue = write_as_chat(dialogue, rng)
    if rng.random() < config.names:
        dialogue, target = name_speakers(dialogue, target, rng, config.made_up)
    elif rng.random() < config.swaps:
        dialogue, target = swap_speakers(dialogue, target)
    phrasing = None
    if rng.random() >= config.default_phrasing:
        phrasing = rng.choice(TASKS[task].phrasings).name
    return example(dialogue, target, task, phrasing, tokenizer, contrast=config.contrast > 0)


def example(
    dialogue: str, target: str, task: Task, phrasing: str | None, tokenizer: Tokenizer, *, contrast: bool = True
) -> Example:
    """The dialogue in its prompt, uncut, and the target; with `contrast` also the target with speakers exchanged."""
    prompt = render(dialogue, task=task, phrasing=phrasing, budget=1 << 30, count_tokens=lambda text: 0)
    ids = tokenizer.encode(target.strip()).ids
    exchanged = tokenizer.encode(swap_speakers("", target.strip())[1]).ids if contrast else ids
    return Example(tokenizer.encode(prompt.text).ids, ids, exchanged if exchanged != ids else ())
