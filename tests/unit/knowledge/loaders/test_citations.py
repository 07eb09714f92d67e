"""Every place that is named is exact: in each format the span of a passage, and of a sentence quoted from it, gives
back its text, and a page is the page on which it stands.
"""

from pathlib import Path

import pytest

from knowledge.answers.quotes import best_quotes
from knowledge.library import Library
from knowledge.loaders import LOADERS
from tests.unit.knowledge.embedders import WordEmbedder
from tests.unit.knowledge.samples import FACT, OTHER, pdf, sample

OPENS = "When does the harbour office open?"
MOORS = "Where do boats longer than twelve metres moor?"


def _indexed(tmp_path: Path, name: str, content: bytes) -> Library:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / name).write_bytes(content)
    library = Library(tmp_path / "knowledge", WordEmbedder)
    assert library.add([tmp_path / "docs"]).added == 1
    return library


@pytest.mark.parametrize("suffix", LOADERS)
def test_a_citation_leads_back_to_its_very_words(tmp_path: Path, suffix: str) -> None:
    library = _indexed(tmp_path, "sample" + suffix, sample(suffix))
    for question, fact in ((OPENS, FACT), (MOORS, OTHER)):
        result = library.search(question, 10)
        quotes = best_quotes(question, result, library.embedder())
        for found in (*result.hits, *quotes):
            text, start, end = library.context(found.passage_id)
            assert text[found.start : found.end] == found.text
            assert start <= found.start < found.end <= end
        assert fact in quotes[0].text


# Pages of every kind: empty, with signs outside the basic plane, one that is cut into several passages.
_PAGES = [
    "",
    "Ropes and lanterns.",
    FACT,
    "",
    " ".join(f"Rope number {n} is tarred in spring." for n in range(30)),
    OTHER,
]


def test_a_page_is_counted_from_one_with_the_empty_ones(tmp_path: Path) -> None:
    library = _indexed(tmp_path, "rules.pdf", pdf(*_PAGES))
    for question, fact in ((OPENS, FACT), (MOORS, OTHER), ("Which ropes and lanterns?", _PAGES[1])):
        result = library.search(question, 10)
        assert len(result.hits) > 4
        for hit in result.hits:
            assert hit.page is not None
            # Each passage lies on its page alone.
            assert hit.text.split()[0] in _PAGES[hit.page - 1]
            assert "".join(hit.text.split()) in "".join(_PAGES[hit.page - 1].split())
        (quote, *_) = best_quotes(question, result, library.embedder())
        assert (quote.text, quote.page) == (fact, _PAGES.index(fact) + 1)


@pytest.mark.parametrize("suffix", [".txt", ".md", ".rst", ".py"])
def test_signs_of_several_bytes_and_windows_line_ends_do_not_shift_a_citation(tmp_path: Path, suffix: str) -> None:
    head = "Smørrebrød 🧀🧀 e\u0301tude.\r\n\r\n" * 20
    library = _indexed(tmp_path, "odd" + suffix, f"{head}{FACT}\r\n\r\n{OTHER}\r\n".encode())
    (hit, *_) = [hit for hit in library.search(OPENS, 10).hits if FACT in hit.text]
    text, _, _ = library.context(hit.passage_id)
    assert text[hit.start : hit.end] == hit.text
    # Spans count characters of the text with unix line ends.
    assert text.index(FACT) == len(head.replace("\r\n", "\n"))
