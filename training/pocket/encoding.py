"""Turns rows into training batches: augments, renders prompts, and tokenizes."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from assistant.errors import DataMissing, UsageError
from assistant.prompts import TASKS, render
from assistant.records import Task
from training.pocket.config import PocketConfig
from training.pocket.corpus import INSTRUCTION, SUMMARY, TAGS, TEXT, Row, of_kind
from training.pocket.span_corruption import SHORTEST, hide_spans
from training.pocket.tokenizer import sentinels
from training.runs.data.augmentation import begin_late, join, name_speakers, rename_people, swap_speakers, write_as_chat
from training.runs.data.batches import Batch, Example, bucket, collate


@dataclass(frozen=True, slots=True)
class Corpus:
    """The training data that fit the window. `dialogues` are augmented anew in each pass. `texts` are token ids without
    EOS, in pieces as long as the window.
    """

    dialogues: Sequence[Row]
    instructions: Sequence[Example]
    texts: Sequence[Sequence[int]]
    left_out: int
    """Number of dialogues and instructions longer than the window."""


def gather(rows: Sequence[Row], config: PocketConfig, tokenizer: Tokenizer) -> Corpus:
    """Tokenize the rows and select those that fit the window. Raises DataMissing if no dialogue fits, and UsageError if
    denoising is configured but impossible, or not configured despite plain texts.
    """
    summaries = of_kind(rows, SUMMARY)
    fitting = [
        row
        for row in summaries
        if len(example(row["dialogue"], row["summary"], "summary", None, tokenizer).source) <= config.window
    ]
    if not fitting:
        raise DataMissing(f"none of the {len(summaries)} dialogues fits the window of {config.window} tokens")
    answered = [
        Example(tokenizer.encode(row["input"].strip()).ids, tokenizer.encode(row["target"].strip()).ids)
        for row in of_kind(rows, INSTRUCTION)
    ]
    instructions = [made for made in answered if max(len(made.source), len(made.target)) <= config.window]
    left_out = len(summaries) + len(answered) - len(fitting) - len(instructions)
    return Corpus(fitting, instructions, _texts(rows, fitting, config, tokenizer), left_out)


def epoch_batches(config: PocketConfig, corpus: Corpus, tokenizer: Tokenizer, epoch: int) -> Iterator[Batch]:
    """Yield the batches of one pass: every dialogue and every instruction once, and enough texts to make up the
    configured share. The same seed and epoch give the same batches.
    """
    rng = random.Random(f"{config.seed}/{epoch}")
    rows = [
        _grouped(row, rng.choice(corpus.dialogues), config, rng) if rng.random() < config.groups else row
        for row in corpus.dialogues
    ]
    examples = [augmented(row, config, tokenizer, rng) for row in rows]
    examples = [made for made in examples if len(made.source) <= config.window]
    examples += corpus.instructions
    if corpus.texts:
        marks, (end,) = sentinels(tokenizer), tokenizer.encode("").ids
        count = round(len(examples) * config.denoise / (1 - config.denoise))
        examples += [hide_spans(rng.choice(corpus.texts), marks, end, rng) for _ in range(count)]
    for indices in bucket(examples, config.batch_tokens, rng):
        yield collate([examples[i] for i in indices], 0)


def augmented(row: Row, config: PocketConfig, tokenizer: Tokenizer, rng: random.Random) -> Example:
    """Make an example of a row, with random augmentations."""
    task: Task = "topic" if row.get("topic") and rng.random() < config.topics else "summary"
    dialogue, target = row["dialogue"], row[task]
    if rng.random() < config.late:
        dialogue, target = begin_late(dialogue, target)
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
    """Make an example of a dialogue, not truncated. With `contrast`, add the target with exchanged speakers."""
    prompt = render(dialogue, task=task, phrasing=phrasing, budget=1 << 30, count_tokens=lambda text: 0)
    ids = tokenizer.encode(target.strip()).ids
    exchanged = tokenizer.encode(swap_speakers("", target.strip())[1]).ids if contrast else ids
    return Example(tokenizer.encode(prompt.text).ids, ids, exchanged if exchanged != ids else ())


def _grouped(row: Row, other: Row, config: PocketConfig, rng: random.Random) -> Row:
    one, two = ((each["dialogue"], each["summary"]) for each in (row, other))
    dialogue, summary = join(one, two, len(TAGS), rng, config.made_up)
    return {"dialogue": dialogue, "summary": summary}


def _texts(
    rows: Sequence[Row], dialogues: Sequence[Row], config: PocketConfig, tokenizer: Tokenizer
) -> list[Sequence[int]]:
    """Tokenize plain texts and dialogues for denoising, in pieces that leave room for a sentinel and EOS. Without
    denoising there are none.
    """
    plain = of_kind(rows, TEXT)
    if not 0 <= config.denoise < 1:
        raise UsageError(f"--denoise must be at least 0 and below 1, not {config.denoise:g}")
    if not config.denoise:
        if plain:
            raise UsageError("the data has plain texts: set their share of the examples, such as --denoise 0.3")
        return []
    if len(sentinels(tokenizer)) < 2:  # one for a span, one that ends the target
        raise UsageError("the model's tokenizer has no tokens <extra_id_N>, which --denoise needs")
    size = config.window - 2
    texts = [row["text"] for row in plain] + [row["dialogue"] for row in dialogues]
    coded = (tokenizer.encode(text, add_special_tokens=False).ids for text in texts)
    pieces = (ids[start : start + size] for ids in coded for start in range(0, len(ids), size))
    return [piece for piece in pieces if len(piece) >= SHORTEST]
