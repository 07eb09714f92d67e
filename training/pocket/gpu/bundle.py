"""Bundles, the input of training on a GPU: a folder with the model's shape, the tokenizer, and the data as token ids.

config.json     the shape, as transformers' T5Config
tokenizer.json
data.json       the sources, the special ids, and the tags to swap
N.ids.npy       the concatenated ids of source N's texts, uint16
N.ends.npy      the end of each text in them; in pairs, every second text is the target of the one before
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from assistant.errors import DataMissing
from training.pocket.gpu.network import START, Shape

Phase = Literal["pretraining", "tuning", "held_out"]
LENGTHS: dict[Phase, tuple[int, int]] = {"pretraining": (512, 128), "tuning": (1024, 256), "held_out": (1024, 256)}
"""Source and target tokens of a packed row."""
Ids = npt.NDArray[np.uint16]
TEXTS, PAIRS = "texts", "pairs"


@dataclass(frozen=True)
class Source:
    """The token ids of one file. The kind `texts` is for denoising; `pairs` are sources and targets, with EOS."""

    name: str
    phase: Phase
    kind: str
    weight: float
    ids: Ids
    ends: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Number of texts or pairs."""
        return len(self.ends) // (2 if self.kind == PAIRS else 1)

    def text(self, index: int) -> Ids:
        """Return the ids of one text."""
        return self.ids[self.ends[index - 1] if index else 0 : self.ends[index]]


@dataclass(frozen=True)
class Marks:
    """Special ids: EOS, the sentinels for hidden runs, and the tags of the first two speakers, each with the tag to
    swap it with.
    """

    end: int
    sentinels: tuple[int, ...]
    swaps: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Bundle:
    """The content of a bundle."""

    shape: Shape
    marks: Marks
    sources: tuple[Source, ...]

    def of(self, phase: Phase) -> tuple[Source, ...]:
        """Return the sources of one phase."""
        return tuple(source for source in self.sources if source.phase == phase)


def write_bundle(folder: Path, shape: Shape, marks: Marks, sources: Sequence[Source]) -> int:
    """Write everything but the tokenizer. Return the size of the data files in bytes."""
    written = 0
    for number, source in enumerate(sources):
        for name, values in (("ids", source.ids), ("ends", source.ends)):
            place = folder / f"{number}.{name}.npy"
            np.save(place, values)
            written += place.stat().st_size
    facts = [
        {"name": one.name, "phase": one.phase, "kind": one.kind, "weight": one.weight, "count": len(one)}
        for one in sources
    ]
    _write(folder / "config.json", config_of(shape))
    _write(folder / "data.json", {"marks": asdict(marks), "sources": facts})
    return written


def config_of(shape: Shape) -> dict[str, Any]:
    """Return the model's configuration for transformers' T5Config."""
    ids = {"pad_token_id": START, "decoder_start_token_id": START, "eos_token_id": 1}
    return {**asdict(shape), **ids, "feed_forward_proj": "gated-gelu", "dropout_rate": 0.0}


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle written by `prepare`. The ids are memory-mapped. Raises DataMissing if the folder is no bundle."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        data = json.loads((folder / "data.json").read_text(encoding="utf-8"))
        shape = Shape(**{name: config[name] for name in asdict(Shape())})
        marks = data["marks"]
        sources = tuple(_source(folder, number, facts) for number, facts in enumerate(data["sources"]))
        swaps = tuple((int(one), int(other)) for one, other in marks["swaps"])
        return Bundle(shape, Marks(marks["end"], tuple(marks["sentinels"]), swaps), sources)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataMissing(f"{folder} is no bundle: make one with python -m training.pocket.gpu prepare") from error


def flat(texts: Iterable[Sequence[int]]) -> tuple[Ids, npt.NDArray[np.int64]]:
    """Concatenate texts. Return the ids and the end of each text."""
    parts = [np.asarray(ids, dtype=np.uint16) for ids in texts]
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return (np.concatenate(parts) if parts else np.zeros(0, np.uint16)), ends


def _source(folder: Path, number: int, facts: dict[str, Any]) -> Source:
    ids, ends = (np.load(folder / f"{number}.{name}.npy", mmap_mode="r") for name in ("ids", "ends"))
    return Source(facts["name"], facts["phase"], facts["kind"], facts["weight"], ids, ends)


def _write(place: Path, facts: dict[str, Any]) -> None:
    place.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
