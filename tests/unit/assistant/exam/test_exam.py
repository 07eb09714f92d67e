"""The exam that a model sits before its summaries are shown."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, cast

import msgspec
import pytest

from assistant.cli.models import models
from assistant.engine.client import Engine
from assistant.exam import ExamResult, known_result, load_questions, sit_exam
from assistant.exam.grading import Question, Statements, Trap, exam_version, grade
from assistant.exam.sitting import result_file
from assistant.files import write_atomically
from assistant.models.registry import POCKET, resolve
from assistant.records import ModelVersion
from assistant.scoring.faithfulness.support import unsupported
from assistant.settings import Settings
from tests.doubles import ScriptedEngine

_QUESTION = Question(
    text="Ana: Lunch on Monday?\nBen: No, on Tuesday at 12. I'll book a table.",
    facts=((("tuesday",), ("12", "noon")), (("ben",), ("book", "table"))),
    traps=(Trap(says=(("monday",),), unless=("tuesday",)), Trap(says=(("ana books", "ana will book"),))),
    statements=(Statements(true="Ben books a table.", false="Ana books a table."),),
)
_GOOD = ExamResult(
    model="m", conversations=16, facts=0.31, digest_facts=0.6, wrong=0.05, words=40.0, told_apart=0.85, exam="older"
)


@pytest.fixture
def model() -> ModelVersion:
    """Pocket under another name, reading names: real tokenizer and window, no result on record."""
    return msgspec.structs.replace(resolve(POCKET, Settings()), ref="candidate", speaker_tags=())


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


def test_only_what_is_said_tells_true_statements_from_false_ones() -> None:
    """Names, figures, words of the conversation and length are the same on both sides, or even out."""
    pairs = [(question.text, pair) for question in load_questions() for pair in question.statements]
    assert len(pairs) == 64 == len({(pair.true, pair.false) for _, pair in pairs})
    longer = nearer = 0
    for text, pair in pairs:
        assert pair.true != pair.false
        assert not unsupported(pair.true, text) and not unsupported(pair.false, text), pair
        true, false = (re.findall(r"[\w']+", side.lower()) for side in (pair.true, pair.false))
        assert abs(len(true) - len(false)) <= 1 and len(set(true) ^ set(false)) <= 5, pair
        longer += len(true) - len(false)
        nearer += _overlap(true, text) - _overlap(false, text)
    assert abs(longer) <= 4 and abs(nearer) <= 4


def _overlap(words: Sequence[str], text: str) -> int:
    return len(set(words) & set(re.findall(r"[\w']+", text.lower())))


def _sit(
    model: ModelVersion, reply: Callable[[str], str], likes: Callable[[str, str], float] = lambda prompt, text: 0.0
) -> ExamResult:
    return sit_exam(cast(Engine, ScriptedEngine(model, reply, likes)), model)


def _whole(prompt: str) -> str:
    return prompt.partition("\n\n")[2]


def _preferring(side: Literal["true", "false"]) -> Callable[[str, str], float]:
    texts = {getattr(pair, side) for question in load_questions() for pair in question.statements}
    return lambda prompt, text: -1.0 if text in texts else -1.5


def test_a_model_that_quotes_the_conversation_and_tells_true_from_false_passes(model: ModelVersion) -> None:
    result = _sit(model, _whole, _preferring("true"))
    assert result.facts > 0.9 and result.conversations == 16
    assert (result.told_apart, result.passed, result.failures) == (1.0, True, ())
    assert known_result(model) == result


def test_a_model_that_finds_false_statements_likelier_fails_whatever_it_writes(model: ModelVersion) -> None:
    result = _sit(model, _whole, _preferring("false"))
    assert result.facts > 0.9 and result.told_apart == 0.0 and not result.passed
    assert result.failures == ("true statements not told from false ones",)
    assert "failed the exam" in result.sentence() and result.sentence().endswith(f"Failed for: {result.failures[0]}.")


def test_no_preference_tells_nothing_apart(model: ModelVersion) -> None:
    assert _sit(model, _whole).told_apart == 0.0


def test_statements_about_a_conversation_in_parts_are_read_with_every_part(model: ModelVersion) -> None:
    ends = [question.dialogue.turns[-1].text for question in load_questions()]
    likes = _preferring("true")

    def likes_at_the_end(prompt: str, text: str) -> float:
        return likes(prompt, text) if any(end in prompt for end in ends) else -1.3

    assert _sit(msgspec.structs.replace(model, window=90), _whole, likes_at_the_end).told_apart == 1.0


def test_a_model_that_says_little_or_invents_fails(model: ModelVersion) -> None:
    silent = _sit(model, lambda prompt: "They talk about something.")
    assert not silent.passed and silent.facts < 0.1
    inventing = _sit(model, lambda prompt: "Zacharias pays 99,999 dollars to Belinda in Timbuktu.")
    assert not inventing.passed and inventing.wrong > 0.5


def test_a_result_of_another_exam_does_not_count(model: ModelVersion) -> None:
    result = msgspec.structs.replace(_GOOD, model=model.ref)
    write_atomically(result_file(model), msgspec.json.encode(result))
    assert known_result(model) != result


def test_passing_takes_facts_few_wrong_claims_and_statements_told_apart() -> None:
    assert _GOOD.passed
    assert msgspec.structs.replace(_GOOD, facts=0.30).failures == ("too few facts",)
    assert msgspec.structs.replace(_GOOD, wrong=0.051).failures == ("too many wrong claims",)
    assert not msgspec.structs.replace(_GOOD, told_apart=0.849).passed


def test_the_bundled_model_comes_with_its_result() -> None:
    model = resolve(POCKET, Settings())
    shipped = msgspec.json.decode((Path(model.folder) / "exam.json").read_bytes(), type=ExamResult)
    assert shipped.exam == exam_version() and shipped.model == POCKET, "sit it: assistant models exam pocket --json"
    assert known_result(model) == shipped


def test_the_commands_say_how_a_model_did_and_why_it_failed(capsys: pytest.CaptureFixture[str]) -> None:
    models.exam(POCKET, json=True)
    told = json.loads(capsys.readouterr().out)
    result = known_result(resolve(POCKET, Settings()))
    assert result and (told["told_apart"], told["failures"]) == (result.told_apart, list(result.failures))
    assert told["failures"] and told["passed"] is False
    models.show(POCKET, json=True)
    assert json.loads(capsys.readouterr().out)["exam"] == told
    models.show(POCKET)
    assert result.sentence() in capsys.readouterr().out
