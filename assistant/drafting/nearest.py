"""Chooses the solved examples most similar to a conversation."""

from collections.abc import Sequence
from functools import cache

from assistant.prompts import MODES, Shot
from assistant.records import Task
from assistant.scoring.encoder import Encoder, find_minilm


def nearest_shots(shots: Sequence[Shot], dialogue: str, mode: str, task: Task) -> list[Shot]:
    """Return the shots for the task, most similar to the dialogue first: by embedding if an encoder is already
    converted (by the knowledge base or a reward), else by length.

    Empty for a mode without shots.
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
