"""Makes a bundle: reads the data named in a mixture, trains the tokenizer, and writes everything as token ids."""

import random
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from tokenizers import Tokenizer

from assistant.errors import DataMissing, UsageError
from assistant.locations import ensure_dir
from assistant.prompts import TASKS
from training.pocket.config import PocketConfig
from training.pocket.corpus import INSTRUCTION, SUMMARY, TAGS, TEXT, Row, kind_of, read_file
from training.pocket.encoding import augmented, example
from training.pocket.gpu.bundle import LENGTHS, PAIRS, TEXTS, Marks, Phase, Source, flat, write_bundle
from training.pocket.gpu.network import Shape
from training.pocket.tokenizer import sentinels, train_unigram
from training.runs.data.batches import Example

LARGEST = 50_000_000
"""Limit on the bytes of a bundle's ids, so that it can be sent along with a working tree."""
_SAMPLE = 20_000_000
"""Characters for training the tokenizer, at most."""
_AUGMENTED = PocketConfig(topics=0.0)


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the mixture. `weight` is its sampling weight among the files of its phase, and `copies` the number of
    augmented copies of each conversation. `split` selects rows by their field `split`; "" takes all. `tokens` limits
    the number of tokens; 0 takes all.
    """

    file: str
    weight: float = 1.0
    copies: int = 1
    split: str = ""
    tokens: int = 0


class Mixture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The training data, and the shape of the model."""

    tuning: tuple[File, ...]
    pretraining: tuple[File, ...] = ()
    held_out: tuple[File, ...] = ()
    shape: Shape = Shape()

    def files(self) -> Iterator[tuple[Phase, File]]:
        """Yield every file with its phase."""
        for phase in LENGTHS:
            yield from ((phase, file) for file in getattr(self, phase))


def prepare(place: Path, out: Path, seed: int = 20261128) -> dict[str, object]:
    """Write the bundle of a mixture, a TOML file with paths relative to its folder. Return the figures of the bundle.

    Raises UsageError if the mixture is invalid or too large or `out` exists, and DataMissing if files or rows are
    missing.
    """
    if out.exists():
        raise UsageError(f"{out} is there already: name a new folder")
    mixture = read_mixture(place)
    files = [(phase, file, _rows(place.parent / file.file, file)) for phase, file in mixture.files()]
    rng = random.Random(seed)
    tokenizer = _learn(files, mixture.shape.vocab_size, rng)
    shape = msgspec.convert(msgspec.to_builtins(mixture.shape) | {"vocab_size": tokenizer.get_vocab_size()}, Shape)
    sources = [_source(phase, file, rows, tokenizer, rng) for phase, file, rows in files]
    size = sum(source.ids.nbytes for source in sources)
    if size > LARGEST:
        each = ", ".join(f"{one.name} {len(one.ids) / 1e6:.1f} M tokens" for one in sources)
        raise UsageError(
            f"the bundle would have {size / 1e6:.0f} MB, {LARGEST / 1e6:.0f} at most: set `tokens` of files ({each})"
        )
    ensure_dir(out)
    written = write_bundle(out, shape, _marks(tokenizer), sources)
    tokenizer.save(str(out / "tokenizer.json"))
    return {
        "bundle": str(out),
        "megabytes": round(written / 1e6, 1),
        "pieces": shape.vocab_size,
        "sources": {f"{one.phase} {one.name}": {one.kind: len(one), "tokens": len(one.ids)} for one in sources},
    }


def read_mixture(place: Path) -> Mixture:
    """Read the TOML file. Raises UsageError if it is invalid."""
    try:
        return msgspec.convert(tomllib.loads(place.read_text(encoding="utf-8")), Mixture)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"cannot use the mixture {place}: {error}") from error


def _rows(place: Path, file: File) -> list[Row]:
    rows = [row for row in read_file(place) if not file.split or row.get("split") == file.split]
    if not rows:
        raise DataMissing(f'{place} has no rows whose "split" is "{file.split}"')
    if len({kind_of(row) == TEXT for row in rows}) > 1:
        raise UsageError(f"{place} has plain texts and others: divide it into two files")
    return rows


def _learn(files: Sequence[tuple[Phase, File, Sequence[Row]]], pieces: int, rng: random.Random) -> Tokenizer:
    """Train the tokenizer on a sample of all rows that are not held out, and on the wordings of tasks."""
    texts = [_said(row) for phase, _, rows in files if phase != "held_out" for row in rows]
    rng.shuffle(texts)
    share = min(1.0, _SAMPLE / sum(map(len, texts)))
    phrasings = [phrasing.text for task in TASKS.values() for phrasing in task.phrasings] * 200
    return train_unigram([*texts[: max(1, round(share * len(texts)))], *phrasings], pieces, TAGS)


def _said(row: Row) -> str:
    kind = kind_of(row)
    assert kind is not None
    return "\n".join(row[field] for field in kind)


def _source(phase: Phase, file: File, rows: Sequence[Row], tokenizer: Tokenizer, rng: random.Random) -> Source:
    name = Path(file.file).name
    if kind_of(rows[0]) == TEXT:
        coded = tokenizer.encode_batch([row["text"] for row in rows], add_special_tokens=False)
        ids, ends = flat(_at_most([[one.ids] for one in coded], file.tokens))
        return Source(name, phase, TEXTS, file.weight, ids, ends)
    longest = LENGTHS[phase]
    examples = [_example(row, phase, tokenizer, rng) for _ in range(file.copies) for row in rows]
    pairs = [[e.source, e.target] for e in examples if len(e.source) <= longest[0] and len(e.target) <= longest[1]]
    if not pairs:
        raise DataMissing(f"{name}: no row fits {longest[0]} and {longest[1]} tokens")
    return Source(name, phase, PAIRS, file.weight, *flat(_at_most(pairs, file.tokens)))


def _example(row: Row, phase: Phase, tokenizer: Tokenizer, rng: random.Random) -> Example:
    """Make an example: instructions as they are, conversations augmented, or in the default wording if held out."""
    if kind_of(row) == INSTRUCTION:
        return Example(tokenizer.encode(row["input"].strip()).ids, tokenizer.encode(row["target"].strip()).ids)
    assert kind_of(row) == SUMMARY
    if phase == "held_out":
        return example(row["dialogue"], row["summary"], "summary", None, tokenizer, contrast=False)
    return augmented(row, _AUGMENTED, tokenizer, rng)


def _at_most(texts: Sequence[Sequence[Sequence[int]]], tokens: int) -> Iterator[Sequence[int]]:
    """Yield the ids of whole texts or pairs, up to a total of `tokens`; 0 for all."""
    total = 0
    for parts in texts:
        total += sum(map(len, parts))
        if tokens and total > tokens:
            return
        yield from parts


def _marks(tokenizer: Tokenizer) -> Marks:
    swaps: list[tuple[int, int]] = []
    for before in ("", " "):
        (one,), (other,) = (tokenizer.encode(before + tag, add_special_tokens=False).ids for tag in TAGS[:2])
        swaps += [(one, other), (other, one)]
    (end,) = tokenizer.encode("").ids
    return Marks(end, tuple(sentinels(tokenizer)), tuple(swaps))
