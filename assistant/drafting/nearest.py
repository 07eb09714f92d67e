"""Which solved examples stand before a conversation: those nearest to it."""

from collections.abc import Sequence
from functools import cache

from assistant.prompts import MODES, Shot
from assistant.records import Task
from assistant.scoring.encoder import Encoder, find_minilm


def nearest_shots(shots: Sequence[Shot], dialogue: str, mode: str, task: Task) -> list[Shot]:
    """The shots that solve the task, the nearest to the dialogue first: by the cosine of their embeddings where an
    encoder was converted before (by the knowledge base, or a reward), else by length.

    A mode without shots gets none.
    """
    if mode not in MODES or not MODES[mode].shots:
        return []
    able = [shot for shot in shots if task in shot.answers]
    encoder = _encoder()
    if encoder is None:
        return sorted(able, key=lambda shot: abs(len(shot.dialogue.strip()) - len(dialogue.strip())))
    vectors = encoder.embed([dialogue, *(shot.dialogue for shot in able)])
    cosines = vectors[1:] @ vectors[0]
    return [able[place] for place in sorted(range(len(able)), key=lambda place: -float(cosines[place]))]


@cache
def _encoder() -> Encoder | None:
    return find_minilm()
