"""Limits how much ROUGE-1 a checkpoint may lose on conversations with a reference summary."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from assistant.files import write_atomically
from training.evaluation.metrics.case import Case
from training.evaluation.metrics.overlap import rouge


class Restraint:
    """Measures how many more points of ROUGE-1 the answers may lose; below 0 they lost too much.

    Mean ROUGE-1 may fall by at most `most` points below that of the first call, which comes before the first update.
    The first mean is kept in the file `place` for resumed runs. Returns 0 if no prompt has a reference.
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
