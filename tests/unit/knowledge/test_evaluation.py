"""The figures of an evaluation, against numbers worked out by hand."""

import math
from pathlib import Path

import pytest

from knowledge.documents import Hit, SearchResult
from knowledge.errors import NotFound
from knowledge.evaluation import Question, area_under_curve, evaluate, make_questions, read_questions, still_asked
from knowledge.library import Library
from tests.unit.knowledge.embedders import WordEmbedder


def _result(*documents: str, confidence: float = 0.9, seconds: float = 0.01) -> SearchResult:
    hits = tuple(
        Hit(
            passage_id=name,
            document=f"/docs/{name}",
            title="",
            page=None,
            start=0,
            end=4,
            text=f"It is {name}.",
            headings=(),
            score=1,
            cosine=1,
            lexical=1,
        )
        for name in documents
    )
    return SearchResult(hits=hits, answerable=confidence >= 0.5, confidence=confidence, seconds=seconds)


def test_the_figures_are_those_worked_out_by_hand() -> None:
    results = {
        "first": _result("a.md", "b.md"),
        "third": _result("x.md", "y.md", "c.md"),
        "never": _result("x.md", confidence=0.2),
        "unanswerable": _result("x.md", confidence=0.6, seconds=0.03),
    }
    questions = [
        Question(question="first", relevant=("a.md",), answers=("it is A.md!",)),
        Question(question="third", relevant=("c.md", "d.md"), answers=("nothing",)),
        Question(question="never", relevant=("z.md",)),
        Question(question="unanswerable", answerable=False),
    ]
    report = evaluate(lambda question, k: results[question], questions)
    assert (report.questions, report.answerable) == (4, 3)
    assert report.hit1 == pytest.approx(1 / 3)
    assert report.hit5 == pytest.approx(2 / 3)
    # Ranks 1, 3 and none: (1 + 1/3 + 0) / 3.
    assert report.mrr == pytest.approx(4 / 9)
    # Two relevant, one at rank 3: 1/log2(4) over 1/log2(2) + 1/log2(3) = 0.5 / 1.6309.
    assert report.ndcg == pytest.approx((1 + 0.5 / (1 + 1 / math.log2(3))) / 3)
    assert report.answer_in_5 == pytest.approx(1 / 2)
    assert report.false_refusals == pytest.approx(1 / 3)
    assert report.false_answers == 1.0
    # Confidences 0.9, 0.9, 0.2 against 0.6: two of three pairs are right.
    assert report.auc == pytest.approx(2 / 3)
    # 10, 10, 10 and 30 ms.
    assert report.p50_ms == pytest.approx(10)


def test_a_citation_is_exact_only_where_its_span_gives_its_text() -> None:
    texts = {"/docs/a.md": "It is a.md.", "/docs/b.md": "Wrong text."}
    question = [Question(question="q")]
    report = evaluate(lambda q, k: _result("a.md", "b.md"), question, text_of=lambda hit: texts[hit.document])
    # The hits' spans are 0 to 4, their texts longer: neither is exact.
    assert report.span_exact == 0.0
    assert report.mrr is None


def test_a_passage_counts_only_where_it_holds_the_sentence_asked_for() -> None:
    questions = [
        Question(question="q", relevant=("a.md",), sentence="it is: a.md"),
        Question(question="q", relevant=("a.md",), sentence="It stands in another passage of the file."),
    ]
    assert evaluate(lambda question, k: _result("a.md"), questions).hit1 == 0.5


@pytest.mark.parametrize(("gone", "asked"), [(0, 3), (1, 2), (2, 0)])
def test_questions_of_last_time_are_asked_again_while_most_of_their_files_are_there(
    tmp_path: Path, gone: int, asked: int
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("ferry", "market", "library"):
        (docs / f"{name}.txt").write_text(f"The {name} opens early in the summer months.\n")
    library = Library(tmp_path / "knowledge", WordEmbedder)
    library.add([docs])
    questions = make_questions(library.catalog, 10)
    for path in sorted(docs.iterdir())[:gone]:
        path.unlink()
    library.update()
    assert len(still_asked(questions, library.catalog)) == asked


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [
        ([0.9, 0.8], [0.1], 1.0),
        ([0.1], [0.9], 0.0),
        ([0.5], [0.5], 0.5),
        ([0.9, 0.2], [0.5, 0.1], 0.75),
        ([], [1], None),
    ],
)
def test_area_under_the_curve(positive: list[float], negative: list[float], expected: float | None) -> None:
    assert area_under_curve(positive, negative) == expected


def test_questions_made_from_the_users_files_find_their_passages(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, place in (("ferry", "Lindmark"), ("market", "Osby"), ("library", "Tranås")):
        (docs / f"{name}.txt").write_text(
            f"About the {name}.\n\nThe {name} in {place} opens early in the summer months.\n"
        )
    library = Library(tmp_path / "knowledge", WordEmbedder)
    library.add([docs])
    questions = make_questions(library.catalog, 10)
    assert len(questions) == 3
    # Every third word is left out.
    assert any(question.question == "The ferry Lindmark opens in the months" for question in questions)
    report = evaluate(library.search, questions, text_of=lambda hit: library.context(hit.passage_id)[0])
    assert (report.hit1, report.mrr, report.span_exact) == (1.0, 1.0, 1.0)


def test_a_question_file_is_read_and_a_wrong_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(
        '{"question": "When?", "relevant": ["a.md"], "more": 1}\n\n{"question": "Who?", "answerable": false}\n'
    )
    assert [question.question for question in read_questions(path)] == ["When?", "Who?"]
    path.write_text('{"relevant": []}\n')
    with pytest.raises(NotFound, match="question"):
        read_questions(path)
    with pytest.raises(NotFound, match="no question"):
        path.write_text("\n")
        read_questions(path)
    with pytest.raises(NotFound, match="cannot read"):
        read_questions(tmp_path / "absent.jsonl")
