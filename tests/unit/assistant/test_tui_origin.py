"""How an answer came about, in words."""

import pytest

from assistant.records import Answer
from assistant.tui.wording.origin import QUOTED, describe_answer, describe_dropped
from tests.builders import a_completion


@pytest.mark.parametrize(
    ("mode", "dropped", "said"),
    [
        ("one-shot", 0, ""),
        ("one-shot", 1, "asked without an example: none fits next to the conversation"),
        ("few-shot", 3, "asked without an example: none fits next to the conversation"),
        ("few-shot", 1, "1 example left out: no room next to the conversation"),
        ("few-shot", 2, "2 examples left out: no room next to the conversation"),
    ],
)
def test_examples_that_do_not_fit_are_told(mode: str, dropped: int, said: str) -> None:
    answer = Answer(drafts=(a_completion(mode=mode),), turns=2, shots_dropped=dropped)
    assert describe_dropped(answer) == said
    assert describe_answer(answer).endswith(said)


def test_turns_in_the_place_of_a_models_words_are_called_that() -> None:
    quoted = Answer(drafts=(a_completion(model="quote"),), turns=2)
    assert QUOTED in describe_answer(quoted, details=False)
    assert QUOTED not in describe_answer(Answer(drafts=(a_completion(model="pocket"),), turns=2))


def test_a_quote_from_a_document_is_not_called_a_stand_in() -> None:
    quoted = Answer(drafts=(a_completion(model="quote", passage_ids=("p1",)),))
    assert QUOTED not in describe_answer(quoted)


def test_what_no_model_wrote_names_neither_a_mode_nor_a_model() -> None:
    for quoted in (a_completion(model="quote"), a_completion(model="quote", passage_ids=("p1",))):
        said = describe_answer(Answer(drafts=(quoted,), turns=2))
        assert "quoted" in said
        assert not {"zero-shot", "quote"} & set(said.split(" · "))
