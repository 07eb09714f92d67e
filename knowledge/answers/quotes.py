"""An answer without a language model: the sentence of the found passages that supports it best, word for word. Knows no
prompts.
"""

import re
from collections.abc import Sequence

import numpy as np

from knowledge.chunking import sentence_spans
from knowledge.documents import Hit, Record, SearchResult
from knowledge.search.confidence import QuestionWords
from knowledge.search.embedder import Embedder

_PASSAGES = 3
_NEARLY = 0.9
_FRAGMENT = 0.15
_SENTENCE = 8
_WORD = re.compile(r"\w+")
_CLOSED = re.compile(r"[.!?:;…。！？][\"'”’)\]*_]*$")


class Quote(Record, frozen=True):
    """A sentence of a document, `start` and `end` counting characters of the document's text."""

    passage_id: str
    document: str
    page: int | None
    start: int
    end: int
    text: str
    score: float
    place: str = ""


def best_quotes(question: str, result: SearchResult, embedder: Embedder, most: int = 3) -> list[Quote]:
    """The sentence nearest to the question out of the first passages found, and others that are nearly as near.

    A sentence's score is 0.6 of its cosine to the question, the title before it, 0.2 of its passage's score, and 0.2 of
    the share of the question's words that it holds. Without the words the answer is quoted for 73 % of XQuAD's
    questions (n 1,190), with them for 81 %; the F1 with ClapNQ's long answers (n 300) rises from .43 to .45.
    """
    candidates = _sentences(result.hits[:_PASSAGES])
    if not candidates:
        return []
    texts = [f"{hit.title}. {hit.text[start:end]}" for hit, start, end in candidates]
    vectors = embedder.embed_questions([question, *texts])
    words = QuestionWords(result.words)
    held = [words.share_in(hit.text[start:end]) for hit, start, end in candidates]
    scores = 0.6 * (vectors[1:] @ vectors[0]) + 0.2 * np.array([hit.score for hit, _, _ in candidates])
    scores = scores + 0.2 * np.array(held)
    scores -= [_FRAGMENT if _is_fragment(hit.text[start:end]) else 0.0 for hit, start, end in candidates]
    quotes = [
        Quote(
            passage_id=hit.passage_id,
            document=hit.document,
            page=hit.page,
            start=hit.start + start,
            end=hit.start + end,
            text=hit.text[start:end],
            score=float(scores[place]),
            place=hit.place,
        )
        for place, (hit, start, end) in enumerate(candidates)
    ]
    quotes.sort(key=lambda quote: -quote.score)
    return [quote for quote in quotes[:most] if quote.score >= _NEARLY * quotes[0].score]


def _sentences(hits: Sequence[Hit]) -> list[tuple[Hit, int, int]]:
    """What may be quoted, as spans of the passages. They overlap by a sentence, which counts as the better one's."""
    places: dict[tuple[str, int], tuple[Hit, int, int]] = {}
    for hit in hits:
        for start, end in sentence_spans(hit.text):
            text = hit.text[start:end]
            if len(_WORD.findall(text)) > 2 and not text.endswith("?"):
                places.setdefault((hit.document, hit.start + start), (hit, start, end))
    return list(places.values())


def _is_fragment(text: str) -> bool:
    """Whether a text is more likely a heading, or a label, than a sentence: few words, and no end. It is nearer to a
    question than what stands below it, and answers nothing.
    """
    return not _CLOSED.search(text) and len(_WORD.findall(text)) < _SENTENCE
