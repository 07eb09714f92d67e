"""What a training on a GPU reads: a folder with the model's shape, its tokenizer, and the data as token ids.

config.json     the shape, as transformers' T5Config
tokenizer.json
data.json       the sources, the tokenizer's marks and the tags that are swapped
N.ids.npy       the ids of source N's texts one after the other, uint16
N.ends.npy      where each text ends in them; of pairs every second text is the target of the one before
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
    """One file's token ids. `texts` are hidden in part and restored; `pairs` are sources and targets, ends included."""

    name: str
    phase: Phase
    kind: str
    weight: float
    ids: Ids
    ends: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """How many texts or pairs there are."""
        return len(self.ends) // (2 if self.kind == PAIRS else 1)

    def text(self, index: int) -> Ids:
        """The ids of one text."""
        return self.ids[self.ends[index - 1] if index else 0 : self.ends[index]]


@dataclass(frozen=True)
class Marks:
    """Ids that have a meaning: what ends a text, what stands for hidden runs, and the pieces of the first two speakers'
    tags, each with the one it is exchanged with.
    """

    end: int
    sentinels: tuple[int, ...]
    swaps: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Bundle:
    """A folder that was read."""

    shape: Shape
    marks: Marks
    sources: tuple[Source, ...]

    def of(self, phase: Phase) -> tuple[Source, ...]:
        """The sources of one phase."""
        return tuple(source for source in self.sources if source.phase == phase)


def write_bundle(folder: Path, shape: Shape, marks: Marks, sources: Sequence[Source]) -> int:
    """Write everything but the tokenizer. Returns the bytes that the ids take."""
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
    """The model as transformers' T5Config describes it."""
    ids = {"pad_token_id": START, "decoder_start_token_id": START, "eos_token_id": 1}
    return {**asdict(shape), **ids, "feed_forward_proj": "gated-gelu", "dropout_rate": 0.0}


def read_bundle(folder: Path) -> Bundle:
    """Read what `prepare` wrote; the ids stay on disk until they are used. Raises DataMissing where it is none."""
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
    """Texts as ids one after the other, and where each ends."""
    parts = [np.asarray(ids, dtype=np.uint16) for ids in texts]
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return (np.concatenate(parts) if parts else np.zeros(0, np.uint16)), ends


def _source(folder: Path, number: int, facts: dict[str, Any]) -> Source:
    ids, ends = (np.load(folder / f"{number}.{name}.npy", mmap_mode="r") for name in ("ids", "ends"))
    return Source(facts["name"], facts["phase"], facts["kind"], facts["weight"], ids, ends)


def _write(place: Path, facts: dict[str, Any]) -> None:
    place.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
