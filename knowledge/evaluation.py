"""Evaluates the knowledge base: whether the right passages are found and cited exactly, and questions without an answer
refused. Uses a file of questions, or questions generated from the user's own files.
"""

import math
import random
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from knowledge.chunking import sentence_spans
from knowledge.documents import Filters, Hit, Record, SearchResult
from knowledge.errors import NotFound
from knowledge.storage.catalog import Catalog

DEPTH = 10
Search = Callable[[str, int], SearchResult]


class Question(Record, frozen=True):
    """A question with its answers: file names, paths or passage ids in `relevant`, or words in `answers`.

    If `sentence` is given, only a passage that contains it counts, so that the question stays valid if documents are
    split differently.
    """

    question: str
    id: str = ""
    relevant: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    answerable: bool = True
    sentence: str = ""


class Report(Record, frozen=True):
    """The results. Shares are from 0 to 1, times in milliseconds; None if no question allows the metric.

    `hit1`, `hit5`, `mrr` and `ndcg` (both over the first 10) are over answerable questions. `answer_in_5` is the share
    with a given answer in the first five passages, `answer_in_quote` the share with one in the quoted sentence.
    `span_exact` is the share of citations whose span in the document is exactly the text shown. `auc` is the
    probability that an answerable question has a higher confidence than an unanswerable one.
    """

    questions: int
    answerable: int
    hit1: float | None
    hit5: float | None
    mrr: float | None
    ndcg: float | None
    answer_in_5: float | None
    answer_in_quote: float | None
    span_exact: float | None
    false_refusals: float | None
    false_answers: float | None
    auc: float | None
    p50_ms: float
    p95_ms: float


def read_questions(path: Path) -> list[Question]:
    """Read one JSON object per line: `{"question", "relevant": […], "answers": […], "answerable": true}`."""
    try:
        lines = path.read_bytes().splitlines()
        questions = [msgspec.json.decode(line, type=Question) for line in lines if line.strip()]
    except OSError as error:
        raise NotFound(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise NotFound(
            f'{path}: a line is no question like {{"question": "…", "relevant": ["file.md"]}}: {error}'
        ) from error
    if not questions:
        raise NotFound(f"{path} holds no question")
    return questions


def make_questions(catalog: Catalog, most: int = 200, seed: int = 0) -> list[Question]:
    """Generate questions from the user's passages: the longest sentence of each, without every third word. They are
    easier than real ones, and serve to compare the index before and after a change; so they name the file and the
    sentence, not the passage.
    """
    chance = random.Random(seed)
    rows = catalog.passage_rows().tolist()
    picked = chance.sample(rows, min(most, len(rows)))
    questions: list[Question] = []
    for passage in catalog.passages(picked, Filters()):
        sentence = max((passage.text[start:end] for start, end in sentence_spans(passage.text)), key=len)
        words = re.findall(r"\w+", sentence)
        if len(words) >= 6:
            asked = " ".join(word for place, word in enumerate(words) if place % 3 != 2)
            questions.append(
                Question(
                    id=passage.key, question=asked, relevant=(passage.path,), answers=(sentence,), sentence=sentence
                )
            )
    return questions


def still_asked(questions: Sequence[Question], catalog: Catalog) -> list[Question]:
    """Return those of the generated questions whose files still exist; none if half of them are gone."""
    files = catalog.files()
    left = [question for question in questions if all(path in files for path in question.relevant)]
    return left if 2 * len(left) > len(questions) else []


def evaluate(
    search: Search,
    questions: Sequence[Question],
    *,
    text_of: Callable[[Hit], str] | None = None,
    is_relevant: Callable[[Hit, Question], bool] | None = None,
    quote: Callable[[str, SearchResult], str] | None = None,
    on_done: Callable[[int], None] = lambda done: None,
) -> Report:
    """Evaluate all questions. `text_of` returns the document's text to which a citation's span refers, `quote` the
    sentence that would be the answer; `on_done` receives the number of questions asked so far.
    """
    relevant = is_relevant or _is_relevant
    results = []
    for question in questions:
        results.append(search(question.question, DEPTH))
        on_done(len(results))
    ranks, gains, answered, quoted = [], [], [], []
    for question, result in zip(questions, results, strict=True):
        if not question.answerable:
            continue
        if question.relevant:
            found = [relevant(hit, question) for hit in result.hits]
            ranks.append(found.index(True) + 1 if True in found else 0)
            gains.append(_ndcg(found, len(question.relevant)))
        if question.answers:
            answered.append(any(_holds(hit.text, question.answers) for hit in result.hits[:5]))
            quoted += [_holds(quote(question.question, result), question.answers)] if quote else []
    can = [result for question, result in zip(questions, results, strict=True) if question.answerable]
    cannot = [result for question, result in zip(questions, results, strict=True) if not question.answerable]
    milliseconds = [1000 * result.seconds for result in results]
    return Report(
        questions=len(questions),
        answerable=len(can),
        hit1=_mean(rank == 1 for rank in ranks),
        hit5=_mean(0 < rank <= 5 for rank in ranks),
        mrr=_mean(1 / rank if rank else 0.0 for rank in ranks),
        ndcg=_mean(gains),
        answer_in_5=_mean(answered),
        answer_in_quote=_mean(quoted),
        span_exact=_mean(text_of(hit)[hit.start : hit.end] == hit.text for r in results for hit in r.hits)
        if text_of
        else None,
        false_refusals=_mean(not result.answerable for result in can),
        false_answers=_mean(result.answerable for result in cannot),
        auc=area_under_curve([r.confidence for r in can], [r.confidence for r in cannot]),
        p50_ms=float(np.percentile(milliseconds, 50)),
        p95_ms=float(np.percentile(milliseconds, 95)),
    )


def area_under_curve(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Return the probability that a random positive scores above a random negative; a tie counts half."""
    if not positive or not negative:
        return None
    below = np.searchsorted(np.sort(negative), positive, side="left")
    not_above = np.searchsorted(np.sort(negative), positive, side="right")
    return float((below + not_above).mean() / 2 / len(negative))


def _ndcg(found: Sequence[bool], relevant: int) -> float:
    """Return the nDCG: a gain of 1 for a relevant passage, discounted by log2(rank + 1), over the
    best possible order.
    """
    gain = sum(1 / math.log2(rank + 1) for rank, hit in enumerate(found, 1) if hit)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(relevant, DEPTH) + 1))
    return min(gain / best, 1.0)


def _is_relevant(hit: Hit, question: Question) -> bool:
    if question.sentence and not _holds(hit.text, (question.sentence,)):
        return False
    return any(hit.passage_id == name or f"/{hit.document}".endswith(f"/{name}") for name in question.relevant)


def _holds(text: str, answers: Iterable[str]) -> bool:
    plain = " ".join(re.findall(r"\w+", text.lower()))
    return any(" ".join(re.findall(r"\w+", answer.lower())) in plain for answer in answers)


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return sum(listed) / len(listed) if listed else None
