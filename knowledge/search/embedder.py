"""The embedder protocol: turns texts into unit vectors.

A passage gets a vector for its whole text and one for each of its windows of three sentences, each with the title
before it. That doubles the indexing time; pooling the windows from the whole passage's states costs nothing, but finds
less (tests/benchmarks/retrieval.py).
"""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from knowledge.chunking import Span, windows
from knowledge.documents import Passage

Vectors = NDArray[np.float32]


class PassageText(msgspec.Struct, frozen=True):
    """The text of a passage to embed: `context` (title and headings) before its text; windows are spans of the text."""

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
        """Count the tokens of each text, without special tokens."""

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (n, d)."""

    def embed_passages(self, passages: Sequence[PassageText]) -> list[PassageVectors]:
        """Return the vectors of each passage and its windows; text beyond `max_tokens` is cut off."""


def passage_text(title: str, passage: Passage) -> PassageText:
    """Return the text to embed for a passage of the document with that title."""
    path = [part for part in dict.fromkeys((title, *passage.headings)) if part]
    # 160 characters are about 35 tokens, so the passage keeps most of the model's window.
    context = ". ".join(path)[-160:]
    spans = windows([(start - passage.start, end - passage.start) for start, end in passage.sentences])
    return PassageText(context=context + ". " if context else "", text=passage.text, windows=tuple(spans))


def each_passage(passages: Sequence[PassageText], embed: Callable[[Sequence[str]], Vectors]) -> list[PassageVectors]:
    """Embed whole passages and windows in one call; a passage of one window needs no second vector."""
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
