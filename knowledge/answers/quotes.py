"""Answers without a language model: quotes the sentences of the found passages that best support an answer, and marks
the words that answer.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from knowledge.answers.disagreement import contradict
from knowledge.answers.kinds import Kind, kind_of
from knowledge.answers.spans import answer_span, counts
from knowledge.chunking import sentence_spans
from knowledge.documents import Hit, Record, SearchResult
from knowledge.search.confidence import MOST_PROBABLE, QuestionWords, quote_chance, word_chance
from knowledge.search.embedder import Embedder
from knowledge.search.words import is_unspaced, topic_of, words_of

_PASSAGES = 3
_MOST = 2.0
"""The approximate maximum of a score."""
_NEARLY = 0.9
_COMPARED = 0.8
_WORTH = 0.5
_COUNTS = 0.08
_SENTENCE = 8
_LONGEST_ROW = 400
_SHORT = 160
_CLOSED = re.compile(r"[.!?:;…。！？][\"'”’)\]*_]*$")
_ITEM = re.compile(r"(?:[-*+•]|\d+[.)])\s")
_HEDGED = re.compile(
    r"\b(?:no idea|not sure|don'?t know|dunno|maybe|perhaps|might|i think|possibly|unclear|to be decided)\b",
    re.IGNORECASE,
)
_SETTLED = re.compile(
    r"\b(?:agreed|deal|confirmed|booked|decided|settled|final(?:ly)?|it's|let's|moved to|instead|from now on)\b",
    re.IGNORECASE,
)
_RULES = re.compile(
    r"\b(?:not|no|never|cannot|can't|must|may|only|allowed|forbidden|prohibited|permitted|welcome|free|unless|except"
    r"|need|required|nicht|keine?n?|nur|erlaubt|gestattet|verboten|muss|pas|interdite?s?|obligatoire|permis|gratuite?"
    r"|prohibid[oa]s?|obligatori[oa]|permitid[oa]s?|solo)\b",
    re.IGNORECASE,
)


class Quote(Record, frozen=True):
    """A quoted sentence or table row; `start` and `end` are offsets in the document's text.

    `answer` is the range in the document of the words that answer, None if there are none of the kind asked for.
    `changed` is the file's modification time, in seconds since the epoch.
    """

    passage_id: str
    document: str
    page: int | None
    start: int
    end: int
    text: str
    score: float
    place: str = ""
    answer: tuple[int, int] | None = None
    changed: float = 0.0


class Quotes(Record, frozen=True):
    """The quotes, best first, or newest first if they `disagree`. `confidence` is the probability that the best one
    answers.
    """

    best: tuple[Quote, ...]
    disagree: bool = False
    confidence: float = 0.0


def best_quotes(question: str, result: SearchResult, embedder: Embedder, most: int = 3) -> list[Quote]:
    """Return only the quotes of `find_quotes`."""
    return list(find_quotes(question, result, embedder, most).best)


def find_quotes(question: str, result: SearchResult, embedder: Embedder, most: int = 3) -> Quotes:
    """Return the best sentence of the first passages for the question, and others that score nearly as high or
    contradict it.

    A sentence's score is 0.7 of its cosine to the question (with the title before it), plus 0.6 of its passage's score,
    0.3 of the share of the question's words in it, 0.1 of that share with its title, and `_bonus` for its words. The
    first quote contains the answer for 82 % of XQuAD's questions (n 1,190), and one of the best three for 95 %.
    """
    hits = result.hits[:_PASSAGES]
    candidates = _candidates([hit for hit in hits if hit.score >= _WORTH * hits[0].score])
    if not candidates:
        return Quotes(best=())
    texts = [hit.text[start:end] for hit, start, end in candidates]
    titled = [f"{hit.title}. {text}" for (hit, _, _), text in zip(candidates, texts, strict=True)]
    vectors = embedder.embed_questions([question, *titled])
    words = QuestionWords(result.words)
    kind = kind_of(question)
    near = vectors[1:] @ vectors[0]
    by_words = is_unspaced(question)
    if by_words:
        # The vectors of an English embedder are meaningless for such texts.
        topic = topic_of(question)
        near = np.array([bool(topic) and topic in text for text in texts], np.float32)
    found: list[tuple[Quote, float, Hit]] = []
    for (hit, start, end), text, cosine in zip(candidates, texts, near.tolist(), strict=True):
        span = answer_span(question, text, _names(hit))
        titled_share = words.share_in(" ".join((hit.title, *hit.headings, text)))
        score = 0.7 * cosine + 0.6 * hit.score + 0.3 * words.share_in(text) + 0.1 * titled_share
        score += _bonus(kind, text, span is not None) + (_COUNTS if counts(question, text) else 0.0)
        chance = word_chance(hit) if by_words else quote_chance(hit, cosine)
        if hit.is_row and span is None and kind not in ("other", "yes or no"):
            chance = min(chance, MOST_PROBABLE)  # the matches are column names, or the row lacks what is asked for
        found.append((_quote(hit, start, end, score, span), chance, hit))
    found.sort(key=lambda candidate: -candidate[0].score)
    first, chance, hit = found[0]
    quotes = [_with_next(question, first, hit), *(quote for quote, _, _ in found[1:])]
    return _settled(question, quotes, most, chance)


def _with_next(question: str, quote: Quote, hit: Hit) -> Quote:
    """Extend the quote by the next sentence if only that one contains what is asked for: "The stairs are painted in
    May. Vega does it for 3,850 euros." They must be on one line, and so in one paragraph.
    """
    if quote.answer or hit.is_row or kind_of(question) not in ("time", "amount") or is_unspaced(quote.text):
        return quote
    begin = quote.end - hit.start
    start, end = next(iter(sentence_spans(hit.text, begin)), (begin, begin))
    span = answer_span(question, hit.text[start:end])
    if span is None or end - start > _SHORT or hit.text[begin:start].strip(" "):
        return quote
    answer = (hit.start + start + span[0], hit.start + start + span[1])
    text = hit.text[quote.start - hit.start : end]
    return msgspec.structs.replace(quote, end=hit.start + end, text=text, answer=answer)


def _settled(question: str, quotes: list[Quote], most: int, confidence: float) -> Quotes:
    first = quotes[0]
    rivals = [
        quote for quote in quotes[1:] if quote.score >= _COMPARED * first.score and contradict(question, first, quote)
    ]
    if rivals:
        newest = sorted([first, *rivals[: most - 1]], key=lambda quote: (-quote.changed, quote.document, -quote.start))
        return Quotes(best=tuple(newest), disagree=True, confidence=confidence)
    near = tuple(quote for quote in quotes[:most] if quote.score >= _NEARLY * first.score)
    return Quotes(best=near, confidence=confidence)


def _bonus(kind: Kind, text: str, has_answer: bool) -> float:
    """Return a bonus for a sentence's words: it contains what is asked for, is settled, and is no fragment."""
    bonus = 0.04 * float(np.log1p(len(text)))
    if is_unspaced(text):
        return bonus
    if kind == "yes or no":
        bonus += 0.06 if _RULES.search(text) else 0.0
    elif kind != "other":
        bonus += 0.08 if has_answer else -0.1
    if _HEDGED.search(text):
        bonus -= 0.1
    elif _SETTLED.search(text):
        bonus += 0.03
    return bonus - (0.15 if _is_fragment(text) else 0.0)


def _quote(hit: Hit, start: int, end: int, score: float, span: tuple[int, int] | None) -> Quote:
    first = hit.start + start
    return Quote(
        passage_id=hit.passage_id,
        document=hit.document,
        page=hit.page,
        start=first,
        end=hit.start + end,
        text=hit.text[start:end],
        score=max(score, 0.0) / _MOST,
        place=hit.place,
        answer=(first + span[0], first + span[1]) if span else None,
        changed=hit.changed,
    )


def _candidates(hits: Sequence[Hit]) -> list[tuple[Hit, int, int]]:
    """Return the candidates as spans of the passages. Passages overlap by a sentence, which counts
    for the better one.
    """
    places: dict[tuple[str, int], tuple[Hit, int, int]] = {}
    for hit in hits:
        for start, end in _spans(hit):
            text = hit.text[start:end]
            is_head = not hit.is_row and text.startswith("|")  # the column names of a table
            if (hit.is_row or len(words_of(text)) > 2) and not is_head and not text.endswith(("?", "？")):
                places.setdefault((hit.document, hit.start + start), (hit, start, end))
    return list(places.values())


def _spans(hit: Hit) -> Iterator[tuple[int, int]]:
    """Yield the sentences; a table row is whole unless it is long."""
    if not hit.is_row:
        yield from sentence_spans(hit.text)
        return
    at = 0
    for line in hit.text.splitlines(keepends=True):
        end = at + len(line.rstrip("\n"))
        if end - at <= _LONGEST_ROW:
            yield at, end
        else:
            yield from sentence_spans(hit.text, at, end)
        at += len(line)


def _names(hit: Hit) -> tuple[str, ...] | None:
    """Return the names of a row's columns, which are above the table in a text file; empty if they are in the row."""
    if not hit.is_row:
        return None
    is_drawn = "|" in hit.text and hit.headings
    return tuple(hit.headings[-1].split(" | ")) if is_drawn else ()


def _is_fragment(text: str) -> bool:
    """Whether a text is probably a heading or a label: few words, and no end mark. Such texts are closer to a question
    than the text below them, but answer nothing.
    """
    is_label = not _CLOSED.search(text) and len(words_of(text)) < _SENTENCE and not _ITEM.match(text)
    return is_label and ": " not in text and " · " not in text and "|" not in text
