"""How alike sentences and turns are in meaning: cosines of all-MiniLM's vectors. Torch-free once the encoder is
converted.
"""

from collections.abc import Sequence
from functools import cache

from assistant.scoring.encoder import open_minilm
from assistant.scoring.faithfulness.attribution import Similarity


@cache
def open_similarity() -> Similarity:
    """The measure; its first use on a machine converts the encoder, ten seconds in another process.

    Raises ModelMissing where the encoder is not installed, ModelDamaged where it cannot be converted.
    """
    encoder = open_minilm(threads=1)

    def similarity(sentences: Sequence[str], turns: Sequence[str]) -> Sequence[Sequence[float]]:
        vectors = encoder.embed([*sentences, *turns])
        cosines: list[list[float]] = (vectors[: len(sentences)] @ vectors[len(sentences) :].T).tolist()
        return cosines

    return similarity
