"""Wishes about an answer, questions about a conversation, and what a small model does with them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.conversation import Ask, Assistant, refine
from assistant.dialogue import parse
from assistant.drafting.drawing import wished_words
from assistant.drafting.quoting import NOTHING, quote_turns
from assistant.engine.protocol import Piece
from assistant.errors import UsageError
from assistant.feedback.store import Store
from assistant.prompts import TASKS, conversation_in, render
from assistant.records import QUOTE, Answer, GenerationSettings
from assistant.settings import ModelSettings, Settings

_TALK = (
    "Maya: Where shall we meet?\nTom: In the small room.\nMaya: The review moves to Friday.\nTom: I'll bring the cake."
)
_SETTINGS = GenerationSettings(max_new_tokens=20)


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open() as store:
        yield store


@pytest.fixture
def assistant(tiny_model: Path, store: Store) -> Iterator[Assistant]:
    with Assistant(Settings(model=ModelSettings(ref=str(tiny_model))), store=store) as assistant:
        yield assistant


@pytest.mark.parametrize(
    ("wish", "words"),
    # Of 30 words, two thirds are 20, half as many again 45.
    [("shorter", 20), ("Longer", 45), ("12", 12), ("in 12 words", 12), ("about 9 words.", 9)],
)
def test_a_wish_for_a_length_becomes_a_number_of_words(wish: str, words: int) -> None:
    assert refine(Ask(mode="few-shot"), "word " * 30, wish) == Ask(mode="few-shot", words=words)


def test_any_other_wish_is_told_to_the_model_as_a_sentence() -> None:
    assert refine(Ask(), "", "focus on  the refund").wish == "Focus on the refund."
    assert refine(Ask(), "", "formal").wish == "Write in a formal tone."


@pytest.mark.parametrize("wish", ["", "  ", "0 words"])
def test_an_empty_wish_is_refused(wish: str) -> None:
    with pytest.raises(UsageError):
        refine(Ask(), "A text.", wish)


def test_a_wish_stands_before_the_cue_and_is_no_part_of_the_conversation() -> None:
    for task, templates in TASKS.items():
        for phrasing in templates.phrasings:
            prompt = render(
                _TALK,
                task=task,
                phrasing=phrasing.name,
                request="What is {dialogue}?" if templates.takes_request else "",
                wish="Focus on {request}.",
                budget=1000,
                count_tokens=lambda text: len(text.split()),
            )
            assert "Note: Focus on {request}." in prompt.text
            assert conversation_in(prompt.text) == _TALK
            assert prompt.text.endswith("Summary: ") or phrasing.name != "summarize"


def test_of_a_wish_the_words_of_the_conversation_count() -> None:
    assert wished_words("Focus on the cakes.", _TALK) == {"cak"}
    assert wished_words("Be formal.", _TALK) == frozenset()


def test_a_question_is_answered_with_the_turns_that_speak_of_it_and_what_follows_a_question() -> None:
    assert quote_turns("Who brings the cake?", parse(_TALK)) == "Tom: I'll bring the cake."
    assert quote_turns("Where do they meet?", parse(_TALK)) == "Maya: Where shall we meet?\nTom: In the small room."
    assert quote_turns("What about the zeppelin?", parse(_TALK)) == NOTHING


def test_a_model_that_cannot_read_quotes_and_says_that_no_model_wrote(assistant: Assistant, store: Store) -> None:
    ask = Ask(task="question", request="Who brings the cake?", settings=_SETTINGS)

    answer = assistant.answer(parse(_TALK), ask)

    assert answer.completion.answer == "Tom: I'll bring the cake."
    assert answer.completion.model == QUOTE
    assert "Question: Who brings the cake?" in answer.completion.prompt
    assert store.completions.get(answer.completion.id) == answer.completion


def test_a_quoted_answer_streams_too(assistant: Assistant) -> None:
    greedy = GenerationSettings(decoding="greedy", max_new_tokens=20)

    news = list(assistant.stream(parse(_TALK), Ask(task="question", request="Who brings cake?", settings=greedy)))

    assert [one.text for one in news if isinstance(one, Piece)] == ["Tom: I'll bring the cake."]
    assert isinstance(news[-1], Answer)


def test_an_instruction_is_refused_where_the_model_cannot_follow_one(assistant: Assistant) -> None:
    with pytest.raises(UsageError, match="cannot follow instructions"):
        assistant.answer(parse(_TALK), Ask(task="instruction", request="Write a poem.", settings=_SETTINGS))


def test_a_question_without_a_text_is_refused(assistant: Assistant) -> None:
    with pytest.raises(UsageError, match="needs a question"):
        assistant.prompts(parse(_TALK), Ask(task="question"))


def test_an_answer_is_refined_through_the_same_path(assistant: Assistant, store: Store) -> None:
    first = assistant.answer(parse(_TALK), Ask(settings=_SETTINGS)).completion

    second = assistant.refine(parse(_TALK), Ask(settings=_SETTINGS), first.answer, "focus on the cake").completion

    assert "Note: Focus on the cake." in second.prompt
    assert store.completions.get(second.id) == second
