"""BERT-type encoders in CTranslate2, in int8 if that is accurate enough: the bundled all-MiniLM, and
sentence-transformers models on this machine. Pooling and normalization are in NumPy.
"""

import contextlib
import hashlib
import io
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from knowledge.errors import EmbedderMissing
from knowledge.files import ensure_private, write_whole
from knowledge.search.embedder import PassageText, PassageVectors, Vectors, each_passage
from knowledge.search.layout import Layout

_CONVERTED = "-float32"
_BATCH = 8
"""The batch size: int8 with 4 to 8 texts is 1.1 to 1.2 times as fast as with 16, and twice as fast as with 64."""
AGREES = 0.99
"""The minimum cosine between int8's and float32's vectors; for all-MiniLM it is 0.994 with only AVX2, 0.995 with
AVX-512.
"""
_PROBES = (
    "When does the harbour office open?",
    "The rent is 940 euros a month and is due on the third working day.",
    "Cheese",
    "Everybody has 28 days of holiday a year, and up to five of them may be carried over. New parents get 16 weeks of"
    " paid leave, which may be taken within two years after the birth. Travel is booked by the office.",
)


class Source(NamedTuple):
    """A model's folder, its layout, and the place of its conversion."""

    folder: Path
    layout: Layout
    place: Path

    @property
    def is_converted(self) -> bool:
        """Whether the conversion exists."""
        return (self.place / "model.bin").is_file()


def find_source(name: str, folder: Path, layout: Layout, cache: Path) -> Source:
    """Return the source of the model in the folder; its conversion is named by the hash of the weights."""
    return Source(folder, layout, cache / f"{Path(name).name}-{_weights_digest(folder)[:12]}{_CONVERTED}")


class Encoder:
    """A converted model. `compute_type` is the type it uses: "int8" becomes "float32" on a processor where int8 is too
    inaccurate.
    """

    def __init__(self, source: Source, *, compute_type: str, threads: int = 0) -> None:
        """Convert the model if necessary. The conversion is float32 for both types: CTranslate2 quantizes while
        loading, all-MiniLM in 0.06 s.
        """
        from tokenizers import Tokenizer

        if not source.is_converted:
            ensure_private(source.place.parent)
            _convert(source.folder, source.place)
        self._layout = layout = source.layout
        # int8 and float32 share a space: all-MiniLM's vectors of a text have a cosine of 0.997 on average.
        self.identity = source.place.name.removesuffix(_CONVERTED) + _mark(layout)
        self.dimension = layout.dimension
        tokenizer = str(source.folder / "tokenizer.json")
        self._tokenizer: Any = Tokenizer.from_file(tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._cutting: Any = Tokenizer.from_file(tokenizer)
        self._cutting.no_padding()
        self._cutting.enable_truncation(layout.max_tokens)
        self.max_tokens = layout.max_tokens - sum(self.count_tokens([layout.document]))
        self._threads = threads
        if compute_type != "int8" or not self._opens_int8(source.place):
            self._open(source.place, "float32")

    def _opens_int8(self, place: Path) -> bool:
        """Load the model as int8 if the processor supports it; return whether it is close enough to float32."""
        import ctranslate2

        if "int8" not in ctranslate2.get_supported_compute_types("cpu"):
            return False
        exact = self._exact_probes(place)
        self._open(place, "int8")
        return bool((exact * self._embed(_PROBES)).sum(axis=1).min() >= AGREES)

    def _open(self, place: Path, compute_type: str) -> None:
        import ctranslate2

        self.compute_type = compute_type
        self._encoder: Any = ctranslate2.Encoder(
            str(place), device="cpu", compute_type=compute_type, intra_threads=self._threads
        )

    def _exact_probes(self, place: Path) -> Vectors:
        """Return float32 vectors of a few texts, shape (n, d), computed once and kept with the model."""
        file = place / "probes.npy"
        with contextlib.suppress(OSError, ValueError, EOFError):
            exact: Vectors = np.load(file)
            if exact.shape == (len(_PROBES), self.dimension):
                return exact
        self._open(place, "float32")
        exact = self._embed(_PROBES)
        written = io.BytesIO()
        np.save(written, exact)
        with contextlib.suppress(OSError):  # a read-only folder: computed again each time
            write_whole(file, written.getvalue())
        return exact

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(encoding.ids) for encoding in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        return self._embed([self._layout.query + text for text in texts])

    def embed_passages(self, passages: Sequence[PassageText]) -> list[PassageVectors]:
        return each_passage(passages, lambda texts: self._embed([self._layout.document + text for text in texts]))

    def _embed(self, texts: Sequence[str]) -> Vectors:
        encodings = self._cutting.encode_batch(list(texts))
        rows = np.zeros((len(texts), self.dimension), np.float32)
        # Batch by length: padding costs as much as real tokens.
        by_length = sorted(range(len(texts)), key=lambda place: len(encodings[place].ids))
        for first in range(0, len(by_length), _BATCH):
            places = by_length[first : first + _BATCH]
            output = self._encoder.forward_batch([encodings[place].ids for place in places])
            states = np.array(output.last_hidden_state)
            for row, place in enumerate(places):
                length = len(encodings[place].ids) if self._layout.pooling == "mean" else 1
                rows[place] = states[row, :length].mean(axis=0)
        return _unit(rows)


def _mark(layout: Layout) -> str:
    """Return a suffix that distinguishes these vectors from those of the same weights with mean
    pooling and no prompts.
    """
    ways = (layout.pooling, layout.query, layout.document)
    return "" if ways == ("mean", "", "") else f"-{hashlib.sha256(msgspec.json.encode(ways)).hexdigest()[:6]}"


def _unit(rows: Vectors) -> Vectors:
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)


def _weights_digest(folder: Path) -> str:
    """Return the SHA-256 of the weights; 90 MB take 0.06 s."""
    try:
        with (folder / "model.safetensors").open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise EmbedderMissing(f"the embedder's weights cannot be read in {folder}: get it again") from error


# The converter requires `position_embedding_type`, which transformers 5 no longer writes.
_CONVERT = """
import sys
from ctranslate2.converters import TransformersConverter
from transformers import PreTrainedConfig
PreTrainedConfig.position_embedding_type = "absolute"
TransformersConverter(sys.argv[1]).convert(sys.argv[2], quantization="float32")
"""


def _convert(source: Path, place: Path) -> None:
    """Convert in a child process, so that torch is not imported here."""
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".converting-") as folder:
        draft = Path(folder) / "model"
        # -P: do not import from the current folder.
        command = [sys.executable, "-P", "-c", _CONVERT, str(source), str(draft)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise EmbedderMissing(f"the embedder could not be converted: {reason}")
        try:
            draft.rename(place)
        except OSError:
            # Another process was faster; its conversion is identical.
            if not (place / "model.bin").is_file():
                raise
