"""Finds the place in the passages that supports each sentence of an answer. Only this code makes citations: nothing
that a model or a passage writes can name a source.

A sentence is supported if the cited passage has all its names and numbers and most of its other words. This detects
invented content, not wrong combinations: "supported" means "look here", not "true".
"""

import re
from collections.abc import Sequence

import numpy as np

from assistant.answering.answers import Citation, CitedSentence
from assistant.scoring.faithfulness.support import unsupported
from knowledge.chunking import sentence_spans
from knowledge.documents import Hit
from knowledge.search.embedder import Embedder
from knowledge.search.words import FUNCTION_WORDS

COVERED = 0.6
"""The share of a sentence's content words that its passage must contain."""
_WORD = re.compile(r"\w+")
_MARKER = re.compile(r"\s*\[\d+(?:, ?\d+)*\]")


def without_markers(text: str) -> str:
    """Remove anything like a reference, which a model may have copied or invented."""
    return _MARKER.sub("", text).strip()


def cite(
    question: str, text: str, hits: Sequence[Hit], embedder: Embedder
) -> tuple[tuple[CitedSentence, ...], tuple[Citation, ...]]:
    """Return the sentences of an answer and the places that support them, numbered in order of first use.

    The place is the sentence of the passages with the highest mean of two scores: the cosine to question and answer
    together, and the share of the answer's words.
    """
    places = [(hit, start, end) for hit in hits for start, end in sentence_spans(hit.text)]
    said = [text[start:end] for start, end in sentence_spans(text)]
    if not places or not said:
        return tuple(CitedSentence(text=sentence, citation=None) for sentence in said), ()
    asked = embedder.embed_questions([f"{question} {sentence}" for sentence in said])
    near = asked @ embedder.embed_questions([hit.text[start:end] for hit, start, end in places]).T
    citations: list[Citation] = []
    sentences = []
    for sentence, cosines in zip(said, near, strict=True):
        shares = np.array([_share(sentence, hit.text[start:end]) for hit, start, end in places])
        best = int(np.argmax((cosines + shares) / 2))
        hit, start, end = places[best]
        number = None
        if _supports(hit, sentence):
            citation = citation_of(hit, start, end, float(np.clip((cosines[best] + shares[best]) / 2, 0, 1)))
            number = _number(citations, citation)
        sentences.append(CitedSentence(text=sentence, citation=number))
    return tuple(sentences), tuple(citations)


def citation_of(hit: Hit, start: int, end: int, score: float) -> Citation:
    """Return the citation for characters `start` to `end` of a passage."""
    return Citation(
        passage_id=hit.passage_id,
        document=hit.document,
        page=hit.page,
        start=hit.start + start,
        end=hit.start + end,
        text=hit.text[start:end],
        score=score,
        place=hit.place,
    )


def _number(citations: list[Citation], citation: Citation) -> int:
    for number, known in enumerate(citations):
        if (known.passage_id, known.start) == (citation.passage_id, citation.start):
            return number
    citations.append(citation)
    return len(citations) - 1


def _supports(hit: Hit, sentence: str) -> bool:
    source = ". ".join((hit.title, *hit.headings, hit.text))
    return bool(_stems(sentence)) and not unsupported(sentence, source) and _share(sentence, source) >= COVERED


def _share(sentence: str, source: str) -> float:
    """Return the share of the sentence's content words in the source, from 0 to 1."""
    wanted = _stems(sentence)
    return len(wanted & _stems(source)) / len(wanted) if wanted else 0.0


def _stems(text: str) -> set[str]:
    """Return the content words cut to six letters, so that "announces" and "announced" are equal."""
    return {word[:6] for word in _WORD.findall(text.lower()) if word not in FUNCTION_WORDS}
