"""A small real embedder: each word has a fixed random direction, and a text is the sum of its words.

Texts that share words are near each other, in any process and on any machine.
"""

import functools
import hashlib
import re
import zlib
from collections.abc import Sequence

import numpy as np

from knowledge.search.embedder import PassageText, PassageVectors, Vectors, each_passage


class WordEmbedder:
    """An embedder with 64 dimensions and at most 64 words per text. `embedded` counts the texts embedded so far."""

    dimension = 64
    max_tokens = 64

    def __init__(self, identity: str = "words-1") -> None:
        self.identity = identity
        self.embedded = 0

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        self.embedded += len(texts)
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                row += _direction(self.identity, word[:5], self.dimension)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.maximum(lengths, 1e-9), dtype=np.float32)

    def embed_passages(self, passages: Sequence[PassageText]) -> list[PassageVectors]:
        return each_passage(passages, self.embed_questions)


@functools.lru_cache(maxsize=10_000)
def _direction(identity: str, stem: str, dimension: int) -> Vectors:
    seed = zlib.crc32(hashlib.sha256(f"{identity}{stem}".encode()).digest())
    return np.random.default_rng(seed).normal(size=dimension).astype(np.float32)
