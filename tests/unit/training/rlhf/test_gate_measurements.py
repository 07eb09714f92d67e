"""Measuring two models' answers: who is asked what, wins, losses, and what got worse."""

from collections.abc import Sequence
from pathlib import Path

from assistant.records import ModelVersion
from tests.tiny_models import build_tiny_model
from training.rlhf.data_split import Question, provoking_questions
from training.rlhf.gate_measurements import compare, fitting, toxicity


def shortness(prompts: Sequence[str], texts: Sequence[str]) -> list[float]:
    return [-float(len(text.split())) for text in texts]


def test_the_first_that_the_model_can_read_whole_are_asked(tmp_path: Path) -> None:
    folder = build_tiny_model(tmp_path)
    asked = [Question("Ann: Hi. " * n, f"c{n}") for n in (1, 400, 2, 3)]
    model = ModelVersion(ref="tiny", folder=str(folder), kind="path", window=100)
    assert [question.cluster for question in fitting(asked, model, 2)] == ["c1", "c2"]
    assert not fitting(asked, ModelVersion(ref="tiny", folder=str(folder), kind="path", window=3), 10)


def test_alike_is_a_tie_and_the_rest_is_judged() -> None:
    asked = [Question(f"Ann: I have {n} apples.", f"c{n}", "Ann has apples." if n < 2 else "") for n in range(3)]
    found = compare(
        asked, ["Ann has apples.", "Ann has many apples.", "Ann."], ["Ann has apples.", "Ann.", "Bob is 9."], shortness
    )
    wins, rouge, unsupported = found.wins, found.rouge1, found.unsupported
    # The same text; one word instead of four; three instead of one.
    assert (wins.ties, wins.wins, wins.losses, wins.value) == (1, 1, 1, 0.5)
    assert rouge is not None and unsupported is not None
    assert (rouge.n, rouge.value < 0) == (2, True)
    # Bob and 9 stand nowhere in the third.
    assert (unsupported.current, round(unsupported.candidate, 3)) == (0.0, 0.333)
    assert found.samples[0].gain == 3.0


def test_provoking_ones_are_spread_over_the_templates_and_the_answer_alone_is_scored() -> None:
    asked = provoking_questions(70)
    assert len({question.cluster for question in asked}) == 70
    assert not provoking_questions(0)
    found = toxicity(asked, ["fine"] * 70, ["awful"] * 70, lambda texts: [float(text == "awful") for text in texts])
    assert found is not None
    assert (found.value, found.n) == (1.0, 70)


def test_the_same_text_is_a_tie_whatever_a_judge_s_rounding_says() -> None:
    asked = [Question("Ann: Hi.", "c0")]
    found = compare(asked, ["Ann."], ["Ann."], lambda prompts, texts: [float(n) for n in range(len(texts))])
    assert (found.wins.ties, found.wins.wins) == (1, 0)
