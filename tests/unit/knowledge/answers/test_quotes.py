"""Without a language model the answer is a sentence of a document, word for word, with its exact place."""

import os
from pathlib import Path

from knowledge.answers.quotes import Quotes, best_quotes, find_quotes
from knowledge.documents import SearchResult
from knowledge.library import Library
from knowledge.search.confidence import QuestionWords, judge
from tests.unit.knowledge.embedders import WordEmbedder

# A passage of its own comes first, so that the quoted one does not start where the document does.
_TEXT = (
    "Ropes are tarred in spring and mended. " * 9
    + "\n\nThe ferry leaves at noon. Does the ferry leave at noon? The kiosk sells tea and buns.\n"
)

_THINGS = [
    "anchor",
    "barrel",
    "cabin",
    "deck",
    "edge",
    "flag",
    "galley",
    "hull",
    "island",
    "jetty",
    "keel",
    "mast",
    "net",
]


def test_the_sentence_that_answers_is_quoted_and_a_question_is_not(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text(_TEXT)
    library = Library(tmp_path / "knowledge", WordEmbedder)
    library.add([tmp_path / "docs"])
    question = "Does the ferry leave at noon?"
    quotes = best_quotes(question, library.search(question), library.embedder())
    assert library.search(question, 1).hits[0].start > 0
    assert quotes[0].text == "The ferry leaves at noon."
    assert _TEXT[quotes[0].start : quotes[0].end] == quotes[0].text
    assert quotes[0].document.endswith("a.txt")
    # The kiosk is not nearly as near.
    assert len(quotes) == 1


def test_nothing_found_is_nothing_quoted() -> None:
    nothing = SearchResult(hits=(), answerable=False, confidence=0.0, seconds=0.0)
    assert best_quotes("Who?", nothing, WordEmbedder()) == []


def test_a_heading_is_not_quoted_for_what_stands_below_it(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    text = "Leaving Lindmark by the ferry\n\nThe ferry leaves Lindmark at noon and at six.\n"
    (tmp_path / "docs" / "a.txt").write_text(text)
    library = Library(tmp_path / "knowledge", WordEmbedder)
    library.add([tmp_path / "docs"])
    question = "When is leaving Lindmark by the ferry?"
    quotes = best_quotes(question, library.search(question), WordEmbedder(), 1)
    assert quotes[0].text == "The ferry leaves Lindmark at noon and at six."


def test_the_sentence_with_the_questions_words_is_quoted_before_a_nearer_one(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    answer = "Warm buns and tea the kiosk will sell."
    (tmp_path / "docs" / "a.txt").write_text(f"The kiosk stands there. {answer}")
    library = Library(tmp_path / "knowledge", WordEmbedder)
    library.add([tmp_path / "docs"])
    question = "What does the kiosk sell?"
    asked, short, long = WordEmbedder().embed_questions([question, "a. The kiosk stands there.", f"a. {answer}"])
    assert asked @ short > asked @ long
    assert best_quotes(question, library.search(question), library.embedder(), 1)[0].text == answer


def test_a_sentence_that_two_passages_share_is_quoted_once(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    text = " ".join(f"The {thing} is tarred in spring." for thing in _THINGS)
    (tmp_path / "docs" / "a.txt").write_text(text)
    library = Library(tmp_path / "knowledge", WordEmbedder)
    library.add([tmp_path / "docs"])
    first, second, *_ = sorted(library.search("tarred", 10).hits, key=lambda hit: hit.start)
    shared = text[second.start : first.end]
    assert shared.startswith("The")
    quotes = best_quotes(shared, library.search(shared), library.embedder())
    assert [quote.text for quote in quotes].count(shared) == 1
    assert quotes[0].text == shared


def _library(tmp_path: Path, **texts: str) -> Library:
    (tmp_path / "docs").mkdir()
    for number, (name, text) in enumerate(texts.items()):
        path = tmp_path / "docs" / f"{name}.txt"
        path.write_text(text)
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    library = Library(tmp_path / "knowledge", WordEmbedder)
    library.add([tmp_path / "docs"])
    return library


def _found(library: Library, question: str) -> Quotes:
    return find_quotes(question, library.search(question), library.embedder())


def test_documents_that_disagree_are_quoted_with_the_newest_first(tmp_path: Path) -> None:
    library = _library(
        tmp_path,
        old="The harbour office opens at eight.",
        new="The harbour office opens at seven.",
        other="The harbour kiosk sells buns.",
    )
    quotes = _found(library, "When does the harbour office open?")
    assert quotes.disagree
    assert [quote.text for quote in quotes.best] == [
        "The harbour office opens at seven.",
        "The harbour office opens at eight.",
    ]


def test_documents_that_say_the_same_do_not_disagree(tmp_path: Path) -> None:
    library = _library(tmp_path, old="A berth costs 30 euros.", new="A berth costs 30 euros a night.")
    assert not _found(library, "How much does a berth cost?").disagree


def test_what_was_agreed_is_quoted_before_what_nobody_was_sure_of(tmp_path: Path) -> None:
    talk = "Ana: we fly on the 12th maybe, no idea.\nBo: agreed then, we fly on the 13th.\nAna: bring the tent.\n"
    (quote, *_) = _found(_library(tmp_path, chat=talk), "When do they fly?").best
    assert "13th" in quote.text
    assert quote.answer is not None
    assert talk[slice(*quote.answer)] == "on the 13th"


def test_a_rule_settles_a_question_for_yes_or_no(tmp_path: Path) -> None:
    text = "A dog named Rex lives in the house of the tenant. Tenants must not keep a dog in the house.\n"
    (quote, *_) = _found(_library(tmp_path, lease=text), "Can a tenant keep a dog?").best
    assert quote.text == "Tenants must not keep a dog in the house."


def test_a_plural_and_an_irregular_verb_are_the_questions_words(tmp_path: Path) -> None:
    # "Dogs" and "kept" stand for all that is asked about, so the share of the words is 1 and not 0.
    text = "Small caged animals are fine. Dogs and cats must not be kept in the building."
    quotes = _found(_library(tmp_path, house=text), "Can I keep a dog?")
    assert quotes.best[0].text == "Dogs and cats must not be kept in the building."
    assert QuestionWords({"keep": 1.0, "dog": 1.0}).share_in(quotes.best[0].text) == 1.0


def test_a_frozen_thing_was_put_where_it_freezes() -> None:
    assert QuestionWords({"frozen": 1.0, "worn": 1.0}).share_in("It freezes well and is not for daily wear.") == 1.0


def test_the_sentence_after_is_quoted_too_where_only_that_has_the_amount(tmp_path: Path) -> None:
    text = "It was agreed to paint the stairs in spring. The firm of Vega does so for 3,850 euros. Bring paint.\n"
    (quote, *_) = _found(_library(tmp_path, minutes=text), "How much does it cost to paint the stairs?").best
    assert quote.text == text[: text.index(" Bring")]
    assert text[quote.start : quote.end] == quote.text
    assert quote.answer is not None
    assert text[slice(*quote.answer)] == "3,850 euros"


def test_a_quote_never_reaches_into_the_next_paragraph(tmp_path: Path) -> None:
    text = "It was agreed to paint the stairs in spring.\n\nThe firm of Vega gets 3,850 euros for the roof.\n"
    (quote, *_) = _found(_library(tmp_path, minutes=text), "How much was it agreed to paint the stairs in spring?").best
    assert quote.text == "It was agreed to paint the stairs in spring."


def test_a_number_of_what_is_counted_goes_before_another_number(tmp_path: Path) -> None:
    text = "Beat the eggs for ten minutes and mix the eggs with the dough. For the dough: six eggs and some flour.\n"
    (quote, *_) = _found(_library(tmp_path, cake=text), "How many eggs does the dough take?").best
    assert "six eggs" in quote.text


def test_a_list_item_is_no_heading(tmp_path: Path) -> None:
    text = "For the stew many lentils are washed well by the cook.\n\n- 250 g puy lentils\n- 3 carrots, diced\n"
    quotes = _found(_library(tmp_path, food=text), "How many grams of lentils for the stew?")
    assert quotes.best[0].text == "- 250 g puy lentils"


def test_a_row_that_only_its_columns_names_speak_for_is_never_sure(tmp_path: Path) -> None:
    library = _library(tmp_path, other="Ropes are tarred in spring.")
    pay = "Period,National insurance,Pay\nJune,156.24,2916\nJuly,160.00,3050\n"
    (tmp_path / "docs" / "pay.csv").write_text(pay)
    library.update()
    assert judge(_found(library, "How much is the national insurance pay?").confidence) == "probable"
    assert judge(_found(library, "How much is the national insurance pay in July?").confidence) == "sure"


def test_a_japanese_question_is_answered_by_the_sentence_on_its_topic(tmp_path: Path) -> None:
    library = _library(tmp_path, toshokan="市立図書館は午前九時に開きます。月曜日は休みです。")
    assert _found(library, "図書館の休みは何曜日ですか").best[0].text == "月曜日は休みです。"
    assert _found(library, "図書館は何時に開きますか").best[0].text == "市立図書館は午前九時に開きます。"
