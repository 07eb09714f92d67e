"""The exam that a model sits before its summaries are shown."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec
import pytest

from assistant.engine.client import Engine
from assistant.exam import ExamResult, known_result, load_questions, sit_exam
from assistant.exam.grading import Question, Trap, exam_version, grade
from assistant.exam.sitting import result_file
from assistant.files import write_atomically
from assistant.models.registry import POCKET, resolve
from assistant.records import ModelVersion
from assistant.settings import Settings
from tests.doubles import ScriptedEngine

_QUESTION = Question(
    text="Ana: Lunch on Monday?\nBen: No, on Tuesday at 12. I'll book a table.",
    facts=((("tuesday",), ("12", "noon")), (("ben",), ("book", "table"))),
    traps=(Trap(says=(("monday",),), unless=("tuesday",)), Trap(says=(("ana books", "ana will book"),))),
)


@pytest.fixture
def model() -> ModelVersion:
    """Pocket under another name: real tokenizer and window, no result on record."""
    found = resolve(POCKET, Settings())
    return msgspec.structs.replace(found, ref="candidate", folder=found.folder)


def test_a_text_is_graded_by_facts_claims_and_traps() -> None:
    # Names Ben, Tuesday, 12: three claims that hold; two traps, none sprung; both facts.
    right = grade(_QUESTION, "Ben books a table for Tuesday at 12.")
    assert (right.facts, right.of, right.claims, right.wrong) == (2, 2, 5, 0)
    # Names Ana, Monday and 15. The figure is not in the conversation; Monday was taken back; Ben books: 3 wrong of 5.
    wrong = grade(_QUESTION, "Ana will book a table for Monday at 15.")
    assert (wrong.facts, wrong.claims, wrong.wrong) == (0, 5, 3)
    # Whoever says what replaced Monday has not fallen for it.
    assert grade(_QUESTION, "Lunch moved from Monday to Tuesday.").wrong == 0


def test_no_question_contradicts_itself() -> None:
    """The conversation states every fact; a fact's words are there to be carried."""
    questions = load_questions()
    assert len(questions) == 16
    for question in questions:
        text = question.text.lower()
        for fact in question.facts:
            assert any(any(word in text for word in group) for group in fact), fact
        assert len(question.dialogue.turns) >= 8 and question.traps


def _sit(model: ModelVersion, reply: Callable[[str], str]) -> ExamResult:
    return sit_exam(cast(Engine, ScriptedEngine(model, reply)), model)


def test_a_model_that_quotes_the_conversation_whole_passes_and_is_remembered(model: ModelVersion) -> None:
    def whole(prompt: str) -> str:
        return prompt.partition("\n\n")[2]

    result = _sit(model, whole)
    assert result.facts > 0.9 and result.conversations == 16
    assert known_result(model) == result


def test_a_model_that_says_little_or_invents_fails(model: ModelVersion) -> None:
    silent = _sit(model, lambda prompt: "They talk about something.")
    assert not silent.passed and silent.facts < 0.1
    inventing = _sit(model, lambda prompt: "Zacharias pays 99,999 dollars to Belinda in Timbuktu.")
    assert not inventing.passed and inventing.wrong > 0.5


def test_a_result_of_another_exam_does_not_count(model: ModelVersion) -> None:
    result = ExamResult(
        model=model.ref, conversations=16, facts=0.9, digest_facts=0.9, wrong=0.0, words=40.0, exam="older"
    )
    write_atomically(result_file(model), msgspec.json.encode(result))
    assert known_result(model) != result


def test_passing_takes_half_of_the_digest_s_facts_and_at_most_one_wrong_claim_in_twenty() -> None:
    good = ExamResult(model="m", conversations=16, facts=0.31, digest_facts=0.6, wrong=0.05, words=40.0)
    assert good.passed
    assert not msgspec.structs.replace(good, facts=0.30).passed
    assert not msgspec.structs.replace(good, wrong=0.051).passed


def test_the_bundled_model_comes_with_its_result() -> None:
    model = resolve(POCKET, Settings())
    shipped = msgspec.json.decode((Path(model.folder) / "exam.json").read_bytes(), type=ExamResult)
    assert shipped.exam == exam_version() and shipped.model == POCKET, "run `assistant models exam pocket --write`"
    assert known_result(model) == shipped
