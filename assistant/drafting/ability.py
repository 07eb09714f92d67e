"""Tests whether a model can answer from a passage. Each model gets twelve easy reading questions once; the result is
kept with the caches.

A model that answers 90 % of such questions passes (PASSED of 12) with a probability of 99.6 %, one that answers 30 %
with 1 % (binomial).
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from assistant.engine.client import Engine
from assistant.engine.tokens import token_counter
from assistant.files import write_atomically
from assistant.locations import cache_dir
from assistant.prompts.passages import CheckQuestion, load_reading, render_question
from assistant.records import GenerationSettings, ModelVersion, Record

PASSED = 8
_SETTINGS = GenerationSettings(decoding="greedy", max_new_tokens=24)


class Ability(Record, frozen=True):
    """The number of questions a model answered correctly."""

    model: str
    right: int
    asked: int

    @property
    def can_answer(self) -> bool:
        """Whether the model may answer in its own words."""
        return self.right >= PASSED


def known_ability(model: ModelVersion) -> Ability | None:
    """Return the stored result, None if this model, as it is on disk, was never tested."""
    try:
        return msgspec.json.decode(note_file(model).read_bytes(), type=Ability)
    except (OSError, ValueError, RecursionError):
        return None


def can_answer(engine: Engine, model: ModelVersion) -> bool:
    """Whether the engine's model can answer from what it reads. It is tested the first time, which takes the pocket
    model a second and a base model about ten.
    """
    return (known_ability(model) or measure_ability(engine, model)).can_answer


def measure_ability(engine: Engine, model: ModelVersion) -> Ability:
    """Test the engine's model, and store the result."""
    questions = load_reading().check
    count = token_counter(model.folder)
    prompts = [
        render_question(q.question, [q.passage], budget=model.window, count_tokens=count).text for q in questions
    ]
    finished = engine.generate(prompts, _SETTINGS)
    answers = [drafts[0].text if drafts else "" for drafts in finished.drafts]
    found = Ability(model=model.ref, right=count_right(questions, answers), asked=len(questions))
    if all(finished.drafts):
        write_atomically(note_file(model), msgspec.json.encode(found))
    return found


def count_right(questions: Sequence[CheckQuestion], answers: Sequence[str]) -> int:
    """Count the answers that contain one of the expected words and are not just the passage repeated."""
    return sum(
        any(word.lower() in answer.lower() for word in question.answers) and len(answer) < 0.7 * len(question.passage)
        for question, answer in zip(questions, answers, strict=True)
    )


def note_file(model: ModelVersion) -> Path:
    """Return the file of a model's result, named by the path, size and time of its weights and the
    wording of the test.
    """
    weights = sorted(Path(model.folder).glob("*.safetensors"))
    facts = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in weights]
    key = hashlib.blake2b(repr((load_reading().version, model.ref, facts)).encode(), digest_size=16).hexdigest()
    return cache_dir() / "abilities" / f"{key}.json"
