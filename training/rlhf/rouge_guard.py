"""Decides which checkpoints may be kept: those that lost little ROUGE-1 on conversations with a summary."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from assistant.files import write_atomically
from training.evaluation.metrics.case import Case
from training.evaluation.metrics.overlap import rouge


class Restraint:
    """Says of the answers to practice conversations how many points of ROUGE-1 they have to spare, where their mean may
    fall by at most `most` points since the first time it was asked, which is before the first update. That figure is
    kept in a file, so that a resumed run goes on from the same one.
    """

    def __init__(self, place: Path, references: Mapping[str, str], most: float) -> None:
        self._place, self._references, self._most = place, references, most

    def __call__(self, prompts: Sequence[str], responses: Sequence[str]) -> float:
        scores = [
            rouge(Case("", "", (self._references[prompt],), response))[0]
            for prompt, response in zip(prompts, responses, strict=True)
            if prompt in self._references
        ]
        if not scores:
            return 0.0
        mean = sum(scores) / len(scores)
        if not self._place.exists():
            write_atomically(self._place, json.dumps({"rouge1": mean, "n": len(scores)}).encode())
        first: float = json.loads(self._place.read_bytes())["rouge1"]
        return mean - (first - self._most)
