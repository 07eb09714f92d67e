"""The catalog opens what older versions wrote, refuses what newer ones did, and stores a document whole or not."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from knowledge.chunking import chunk
from knowledge.documents import Document, File, Filters, Passage
from knowledge.errors import CatalogUnavailable
from knowledge.search.embedder import PassageVectors, passage_text
from knowledge.storage.catalog import Catalog
from knowledge.storage.migrations import MIGRATIONS
from tests.unit.knowledge.embedders import WordEmbedder

_EMBEDDER = WordEmbedder()


def _put(catalog: Catalog, path: str, text: str, title: str = "") -> tuple[list[Passage], list[PassageVectors]]:
    document = Document(text=text, title=title)
    passages = chunk(document, _EMBEDDER.count_tokens, 60)
    vectors = _EMBEDDER.embed_passages([passage_text(title, passage) for passage in passages])
    catalog.put(File(path=path, size=1, mtime_ns=1, document=None), f"hash of {text}", document, passages, vectors)
    return passages, vectors


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "catalog.db")


@pytest.mark.parametrize("version", range(len(MIGRATIONS) + 1))
def test_every_older_schema_becomes_the_newest(tmp_path: Path, version: int) -> None:
    path = tmp_path / "catalog.db"
    database = sqlite3.connect(path)
    for script in MIGRATIONS[:version]:
        database.executescript(script)
    database.execute(f"PRAGMA user_version = {version}")
    database.close()
    catalog = Catalog(path)
    _put(catalog, "/a", "The tide is high.")
    assert catalog.passage_count() == 1


def test_a_newer_schema_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    Catalog(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(CatalogUnavailable, match="newer version"):
        Catalog(path)


def test_what_was_stored_comes_back(catalog: Catalog) -> None:
    passages, vectors = _put(catalog, "/a/b.txt", "The tide is high. The moon is full.", title="Tides")
    (stored,) = catalog.passages(catalog.passage_rows(), Filters())
    assert (stored.path, stored.title, stored.text) == ("/a/b.txt", "Tides", passages[0].text)
    # Half precision keeps three digits.
    np.testing.assert_allclose(stored.whole, vectors[0].whole, atol=1e-3)
    np.testing.assert_allclose(stored.windows, vectors[0].windows, atol=1e-3)
    by_key = catalog.passage(stored.key)
    assert by_key is not None
    assert by_key.id == stored.id
    assert catalog.text_of(stored.document)[stored.start : stored.end] == stored.text


def test_a_document_that_fails_half_way_leaves_nothing(catalog: Catalog) -> None:
    document = Document(text="One. Two.")
    passages = [Passage(start=0, end=4, text="One."), Passage(start=5, end=9, text="Two.")]
    vectors = _EMBEDDER.embed_passages([passage_text("", passages[0])])
    revision = catalog.revision()
    with pytest.raises(ValueError, match="zip"):
        catalog.put(File(path="/a", size=1, mtime_ns=1, document=None), "hash", document, passages, vectors)
    assert (catalog.passage_count(), catalog.files(), catalog.revision()) == (0, {}, revision)
    assert catalog.document_of("hash") is None


def test_words_are_found_in_any_form_and_titles_count_more(catalog: Catalog) -> None:
    _put(catalog, "/a", "Sailing boats need harbours.", title="Boats")
    _put(catalog, "/b", "A harbour holds a boat, and some more words to make it long.", title="Other")
    first, second = catalog.passage_rows().tolist()
    assert catalog.passages_with('"boat"') == 2
    assert catalog.passages_with('"sail"') == 1
    scores = catalog.word_scores(['"boats"'], [first, second])
    assert catalog.best_by_words(['"boats"'], 5, None) == sorted(scores, key=lambda row: -scores[row])
    assert catalog.best_by_words(['"boats"'], 5, np.array([second])) == [second]
    assert catalog.with_term('"sail"', [first, second]) == {first}


def test_words_with_quotes_or_operators_are_only_words(catalog: Catalog) -> None:
    _put(catalog, "/a", "not near or and")
    assert catalog.passages_with('"near"') == 1
    assert catalog.best_by_words(['"or"', '"not"', '"near"'], 5, None) == catalog.passage_rows().tolist()


def test_a_document_without_a_file_answers_nothing_and_is_dropped(catalog: Catalog) -> None:
    _put(catalog, "/a", "The tide is high.")
    rows = catalog.passage_rows()
    catalog.forget_files(["/a"])
    assert catalog.passages(rows, Filters()) == []
    assert list(catalog.orphan_texts().values()) == ["The tide is high."]
    assert catalog.drop_orphans() == 1
    assert (catalog.passage_count(), catalog.passages_with('"tide"')) == (0, 0)


def test_row_numbers_are_never_used_again(catalog: Catalog) -> None:
    _put(catalog, "/a", "The tide is high.")
    (before,) = catalog.passage_rows()
    catalog.forget_files(["/a"])
    catalog.drop_orphans()
    _put(catalog, "/b", "The moon is full.")
    (after,) = catalog.passage_rows()
    assert after > before
