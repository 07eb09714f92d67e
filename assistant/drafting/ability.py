"""Whether a model can answer from a passage: measured, not told by its name. Twelve questions that a reader of a
passage knows at once are put to it, once for each model; the result is kept beside the caches.

PASSED of 12: a model that answers 90 % of such questions passes 99.6 times in 100, one that answers 30 % one time in
100 (binomial).
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
    """How many of the check's questions a model answered."""

    model: str
    right: int
    asked: int

    @property
    def can_answer(self) -> bool:
        """Whether it may answer in its own words."""
        return self.right >= PASSED


def known_ability(model: ModelVersion) -> Ability | None:
    """What was measured before, None where this model, as it is on the disk, was never tested."""
    try:
        return msgspec.json.decode(note_file(model).read_bytes(), type=Ability)
    except (OSError, ValueError, RecursionError):
        return None


def can_answer(engine: Engine, model: ModelVersion) -> bool:
    """Whether the model that the engine serves is able to answer from what it reads. The first time it is tested, which
    takes a pocket model a second and a base model some ten.
    """
    return (known_ability(model) or measure_ability(engine, model)).can_answer


def measure_ability(engine: Engine, model: ModelVersion) -> Ability:
    """Test the model that the engine serves, and keep the result."""
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
    """Answers that hold one of the words asked for, and do not merely repeat the passage."""
    return sum(
        any(word.lower() in answer.lower() for word in question.answers) and len(answer) < 0.7 * len(question.passage)
        for question, answer in zip(questions, answers, strict=True)
    )


def note_file(model: ModelVersion) -> Path:
    """Where the result for a model is kept: named after its weights, as name, size and time tell them, and the wording
    of the check.
    """
    weights = sorted(Path(model.folder).glob("*.safetensors"))
    facts = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in weights]
    key = hashlib.blake2b(repr((load_reading().version, model.ref, facts)).encode(), digest_size=16).hexdigest()
    return cache_dir() / "abilities" / f"{key}.json"
