"""Semantic similarity of sentences and turns: cosines of all-MiniLM's vectors. Torch-free once the encoder is
converted.
"""

from collections.abc import Sequence
from functools import cache

from assistant.scoring.encoder import open_minilm
from assistant.scoring.faithfulness.attribution import Similarity


@cache
def open_similarity() -> Similarity:
    """Open the measure. Its first use on a machine converts the encoder, which takes ten seconds in a child process.

    Raises ModelMissing if the encoder is not installed, ModelDamaged if it cannot be converted.
    """
    encoder = open_minilm(threads=1)

    def similarity(sentences: Sequence[str], turns: Sequence[str]) -> Sequence[Sequence[float]]:
        vectors = encoder.embed([*sentences, *turns])
        cosines: list[list[float]] = (vectors[: len(sentences)] @ vectors[len(sentences) :].T).tolist()
        return cosines

    return similarity
