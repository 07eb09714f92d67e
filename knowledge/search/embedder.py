"""Text to unit vectors, behind one protocol.

A passage gets a vector for the whole of it and one for each of its windows, runs of three sentences, with the title
before each. That doubles the work of indexing; pooling the windows from the whole passage's states is free, but found
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


def passage_text(title: str, passage: Passage) -> PassageText:
    """What is embedded of a passage of the document of that title."""
    path = [part for part in dict.fromkeys((title, *passage.headings)) if part]
    # 160 characters are some 35 tokens: the passage keeps most of the model's window.
    context = ". ".join(path)[-160:]
    spans = windows([(start - passage.start, end - passage.start) for start, end in passage.sentences])
    return PassageText(context=context + ". " if context else "", text=passage.text, windows=tuple(spans))


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
