"""Reranks passages with a sentence-transformers CrossEncoder on this machine, which reads question and passage
together: more accurate than two vectors, and a hundred times slower.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from knowledge.errors import EmbedderMissing


class Reranker(Protocol):
    """Scores passages for a question."""

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return how well each text answers, 0 to 1."""


def open_reranker(name: str) -> Reranker:
    """Open the cross-encoder of that name: a folder, or a Hub id whose files are on this machine."""
    return CrossEncoderReranker(name)


class CrossEncoderReranker:
    """A CrossEncoder with one output, mapped to 0 to 1 by the logistic function."""

    def __init__(self, name: str) -> None:
        try:
            folder = _folder_of(name)
            from sentence_transformers import CrossEncoder

            # Some models include a logistic function, and applying it twice would flatten all differences.
            self._model: Any = CrossEncoder(str(folder), local_files_only=True, activation_fn=_identity())
        except (OSError, ValueError) as error:
            raise EmbedderMissing(
                f"no cross-encoder {name!r} on this machine: set knowledge.reranker to a folder that holds one, or to"
                ' "" for none'
            ) from error
        if int(getattr(self._model, "num_labels", 1)) != 1:
            raise EmbedderMissing(f"{name!r} gives several values for a pair: a reranker gives one")

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        if not texts:
            return []
        values = self._model.predict([(question, text) for text in texts], show_progress_bar=False)
        return [1 / (1 + math.exp(-max(-30.0, min(30.0, float(value))))) for value in values]


def _folder_of(name: str) -> Path:
    """Return the folder. Checked first, because sentence-transformers prints more than one line for an unknown name."""
    from huggingface_hub import snapshot_download

    folder = Path(name).expanduser()
    return folder if folder.is_dir() else Path(snapshot_download(name, local_files_only=True))


def _identity() -> Any:
    import torch

    return torch.nn.Identity()
