"""Vectors and words together decide the order; near-duplicates show once; the confidence tells answers from misses."""

from pathlib import Path

import pytest

from knowledge.chunking import chunk
from knowledge.documents import Document, File
from knowledge.search.confidence import PROBABLE_FROM, QuestionWords, answer_chance, judge
from knowledge.search.embedder import passage_text
from knowledge.search.retriever import FEW, Retriever
from knowledge.storage.catalog import Catalog
from tests.unit.knowledge.embedders import WordEmbedder

_EMBEDDER = WordEmbedder()
_TOPICS = ["tide", "lantern", "brine", "anchor", "ladder", "compass", "barrel", "cabin", "rudder", "galley"]


def _retriever(tmp_path: Path, texts: list[str], title: str = "") -> Retriever:
    catalog = Catalog(tmp_path / "catalog.db")
    for number, text in enumerate(texts):
        document = Document(text=text, title=title)
        passages = chunk(document, _EMBEDDER.count_tokens, 60)
        vectors = _EMBEDDER.embed_passages([passage_text(title, passage) for passage in passages])
        file = File(path=f"/{number:04}", size=1, mtime_ns=1, document=None)
        catalog.put(file, f"hash {number}", document, passages, vectors)
    return Retriever(catalog, _EMBEDDER, tmp_path / "index.faiss")


def _many() -> list[str]:
    """More passages than count as few, each about two topics."""
    pairs = [(a, b, c) for a in _TOPICS for b in _TOPICS for c in range(2) if a < b]
    return [f"The {a} stands beside the {b} in room {c}." for a, b, c in pairs]


def test_the_score_is_cosine_and_words_in_their_shares(tmp_path: Path) -> None:
    retriever = _retriever(tmp_path, ["The tide is high. The moon is full."])
    (hit,) = retriever.search("Is the tide high?").hits
    # One passage of one window: both cosines are the same. "tide" and "high" match, the others are function words, so
    # that all of the question's weight is matched, and counts half among few passages.
    question = _EMBEDDER.embed_questions(["Is the tide high?"])[0]
    whole = _EMBEDDER.embed_questions(["The tide is high. The moon is full."])[0]
    assert hit.cosine == pytest.approx(float(question @ whole), abs=2e-3)
    assert hit.lexical == pytest.approx(0.5)
    assert hit.score == pytest.approx(0.55 * hit.cosine + 0.45 * 0.5)


def test_the_best_three_sentences_count_as_much_as_the_whole(tmp_path: Path) -> None:
    sentences = [*(f"The {topic} is old." for topic in _TOPICS), "Ottilie sells cheese in Lindmark."]
    (hit,) = _retriever(tmp_path, [" ".join(sentences)]).search("Who sells cheese in Lindmark?").hits
    # Runs of three sentences, each beginning two after the one before.
    runs = [" ".join(sentences[first : first + 3]) for first in range(0, 10, 2)]
    question, whole, *windows = _EMBEDDER.embed_questions(["Who sells cheese in Lindmark?", " ".join(sentences), *runs])
    best = max(float(window @ question) for window in windows)
    assert best > float(whole @ question) + 0.1
    assert hit.cosine == pytest.approx((float(whole @ question) + best) / 2, abs=2e-3)


def test_the_best_passage_comes_first_among_many(tmp_path: Path) -> None:
    texts = [*_many(), "Captain Ottilie repaired the rudder with a spoon."]
    assert len(texts) > FEW
    retriever = _retriever(tmp_path, texts)
    result = retriever.search("What did Ottilie repair the rudder with?")
    assert result.hits[0].text == texts[-1]
    assert len(result.hits) == 5
    assert 0 < result.hits[0].lexical < 1
    assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)


def test_a_rare_word_finds_its_passage_where_vectors_do_not(tmp_path: Path) -> None:
    texts = [*_many(), "Room 7 is locked. The code for the door is QX99 and nothing else opens it."]
    retriever = _retriever(tmp_path, texts)
    assert "QX99" in retriever.search("qx99").hits[0].text


def test_a_passage_that_only_its_words_find_is_compared_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge.search.retriever.CANDIDATES", 3)
    texts = [*_many(), "Upstairs all is locked, and under a mat lies QX99."]
    retriever = _retriever(tmp_path, texts)
    question = "tide lantern brine anchor qx99"
    (vector,) = _EMBEDDER.embed_questions([question])
    # The two passages of each of forty-five pairs, and then this one.
    assert 91 not in retriever.index().search(vector, 3)
    assert any("QX99" in hit.text for hit in retriever.search(question, 6).hits)


def test_a_passage_that_is_all_the_question_asks_for_matches_all_of_its_weight_and_no_more(tmp_path: Path) -> None:
    retriever = _retriever(tmp_path, [*_many(), " ".join(["ottilie"] * 40)])
    # BM25 with k1 1.2 and b 0.75: of 91 passages 90 have 9 words and this one 40, 850 / 91 on average. Its most is 2.2.
    expected = 40 / (40 + 1.2 * (0.25 + 0.75 * 40 / (850 / 91)))
    assert retriever.search("ottilie").hits[0].lexical == pytest.approx(expected)


@pytest.mark.parametrize(("confidence", "answerable"), [(0.12, True), (0.45, True), (0.11, False)])
def test_what_is_probable_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, confidence: float, answerable: bool
) -> None:
    monkeypatch.setattr("knowledge.search.retriever.answer_chance", lambda *figures: confidence)
    result = _retriever(tmp_path, ["The tide is high."]).search("Is the tide high?")
    assert (result.confidence, result.answerable) == (confidence, answerable)


def test_near_duplicates_are_shown_once(tmp_path: Path) -> None:
    text = "The harbour office opens at half past seven on every day but Sunday, says the sign."
    retriever = _retriever(tmp_path, [text, text.replace("sign", "Sign"), text + " ", "The tide is high."])
    texts = [hit.text for hit in retriever.search("When does the harbour office open?").hits]
    assert len(texts) == 2


def test_what_says_another_thing_in_nearly_the_same_words_is_shown_too(tmp_path: Path) -> None:
    # The embedder looks at five letters: to it these are the same.
    texts = ["The harbour opening, sailors reckon.", "The harbours openings sailor reckoned."]
    assert len(_retriever(tmp_path, texts).search("Does the harbour open?").hits) == 2


def test_a_passage_on_the_subject_without_the_answer_is_refused(tmp_path: Path) -> None:
    retriever = _retriever(tmp_path, [*_many(), "The ferry to Lindmark leaves at noon from the north pier."])
    near = retriever.search("Who owns the ferry company of Lindmark, and since when?")
    assert judge(near.confidence) != "sure"
    assert near.confidence > 0.05


def test_the_confidence_tells_an_answer_from_a_miss(tmp_path: Path) -> None:
    retriever = _retriever(tmp_path, [*_many(), "The ferry to Lindmark leaves at noon from the north pier."])
    hit = retriever.search("When does the ferry to Lindmark leave from the north pier?")
    miss = retriever.search("Who wrote the opera about a barber?")
    assert hit.answerable
    assert not miss.answerable
    assert hit.confidence > PROBABLE_FROM > miss.confidence
    # The best misses are shown all the same.
    assert miss.hits


def test_confidence_grows_with_each_part() -> None:
    assert answer_chance(0.9, 0.5, 0.5) > answer_chance(0.5, 0.5, 0.5)
    assert answer_chance(0.5, 0.5, 0.5) > answer_chance(0.5, 0.1, 0.5)
    assert answer_chance(0.5, 0.5, 0.5) > answer_chance(0.5, 0.5, 0.1)
    assert 0 < answer_chance(-1, 0, 0) < answer_chance(1, 1, 1) < 1


def test_coverage_weighs_what_the_question_asks_about(tmp_path: Path) -> None:
    passage = "Boats moor at the pier. The opening of the office is at seven."
    hit = _retriever(tmp_path, [passage]).search("pier").hits[0]
    words = QuestionWords({"when": 9.0, "does": 9.0, "opens": 1.0, "office": 2.0, "pier": 3.0, "cheese": 4.0})
    # "when" and "does" ask for nothing; of 10 the passage holds 1 + 2 + 3, its second sentence 1 + 2.
    assert words.covered_by(hit) == pytest.approx((0.6, 0.3))
    assert QuestionWords({"what": 1.0}).covered_by(hit) == (0.0, 0.0)


def test_a_sentence_of_two_words_is_a_label_and_covers_nothing(tmp_path: Path) -> None:
    hit = _retriever(tmp_path, ["Office, pier. The boats moor at the pier."]).search("pier").hits[0]
    # All stands in the passage; of the sentences only the second counts, which holds 3 of 5.
    assert QuestionWords({"office": 2.0, "pier": 3.0}).covered_by(hit) == pytest.approx((1.0, 0.6))


def test_a_saved_index_is_used_again_and_follows_the_catalog(tmp_path: Path) -> None:
    first = _retriever(tmp_path, _many())
    first.save()
    catalog = Catalog(tmp_path / "catalog.db")
    catalog.forget_files(["/0000"])
    catalog.drop_orphans()
    again = Retriever(catalog, _EMBEDDER, tmp_path / "index.faiss")
    assert len(again.index()) == len(_many()) - 1
    # The first reader has its own index in memory and follows too.
    assert len(first.index()) == len(_many()) - 1


def test_a_question_without_words_is_answered_by_nothing_much(tmp_path: Path) -> None:
    retriever = _retriever(tmp_path, ["The tide is high."])
    for question in ("", "???", "the of and"):
        assert not retriever.search(question).answerable


def test_the_confidence_is_judged_in_three_steps() -> None:
    assert [judge(confidence) for confidence in (0.11, 0.12, 0.65, 0.66)] == ["none", "probable", "probable", "sure"]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("図書館は何時に開きますか", "市立図書館は午前九時に開きます。月曜日は休みです。"),
        ("图书馆几点开门", "市图书馆每天上午九点开门，星期一休息。"),
        ("Wie lang ist die Frist?", "Die Kündigungsfrist beträgt drei Monate und gilt für beide Seiten."),
        ("Wann endet die Vertragslaufzeit?", "Die Laufzeit vom Vertrag endet im Juni, und das ist fest."),
    ],
)
def test_words_without_spaces_and_parts_of_compounds_are_found(tmp_path: Path, question: str, text: str) -> None:
    others = [
        "Der Hafen war am Sonntag zu.",
        "喫茶店は港の近くにあります。",
        "The tide is high.",
        "Das Boot liegt am Steg.",
    ]
    result = _retriever(tmp_path, [*others, text]).search(question)
    assert result.hits[0].text == text
    assert result.hits[0].lexical > 0
    assert result.answerable
