"""Documents of some thirty kinds: every answer that the collection expects stands in the text, whole, and where
it is looked for.
"""

from typing import Any

import pytest

from knowledge.chunking import chunk
from knowledge.loaders import load
from tests.document_writers import described, written

_DOCUMENTS = described()


def test_the_collection_holds_many_kinds() -> None:
    assert len(_DOCUMENTS) >= 40
    assert len({document["name"].rpartition(".")[2] for document in _DOCUMENTS}) >= 25
    assert all(len(document["questions"]) == 3 for document in _DOCUMENTS)


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda document: document["name"])
def test_every_answer_stands_in_one_sentence_at_its_place(document: dict[str, Any]) -> None:
    loaded = load(f"/docs/{document['name']}", written(document))
    passages = chunk(loaded, lambda texts: [len(text.split()) for text in texts], 200)
    for _, answer, place in document["questions"]:
        found = [
            f"p. {passage.page} {passage.place}"
            for passage in passages
            for start, end in passage.sentences
            if answer in " ".join(loaded.text[start:end].split())
        ]
        assert not answer or any(place in label for label in found), (answer, place, found)


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda document: document["name"])
def test_no_sentence_is_put_together_from_two_paragraphs(document: dict[str, Any]) -> None:
    texts = [" ".join(text.split()) for text in document["text"]]
    if len(texts) < 2 or any("{" in text or "\n" in text for text in document["text"]):
        return  # records and code: what stands in them is no prose
    loaded = load(f"/docs/{document['name']}", written(document))
    for passage in chunk(loaded, lambda texts: [len(text.split()) for text in texts], 200):
        for start, end in passage.sentences:
            sentence = " ".join(loaded.text[start:end].split())
            touched = [text for text in texts if _shares_words(sentence, text)]
            assert len(touched) <= 1, sentence


def _shares_words(sentence: str, text: str) -> bool:
    """Whether six words in a row of the text stand in the sentence."""
    words = text.split()
    return any(" ".join(words[n : n + 6]) in sentence for n in range(len(words) - 5))
