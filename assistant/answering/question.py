"""Answers a question from passages of the user's documents, with sources; the answer is stored like any other, so that
it can be rated. Called by screen and command line.

Passages decide nothing: whether to answer, which model, settings and places to use depends only on the question, the
search and the settings. A passage enters the prompt as a quotation, and the model's output is shown as text.
"""

import secrets
import shlex
import time
from collections.abc import Iterator

import msgspec

from assistant.answering.ability import can_answer
from assistant.answering.answers import Citation, CitedSentence, DocumentAnswer
from assistant.answering.citing import citation_of, cite, without_markers
from assistant.answering.files import file_to_summarize
from assistant.answering.library import explained
from assistant.conversation import Assistant
from assistant.engine.protocol import Finished, Loaded, Piece
from assistant.engine.tokens import token_counter
from assistant.errors import Interrupted, UsageError
from assistant.prompts.passages import PassagePrompt, load_reading, render_question, split_answer
from assistant.records import QUOTE, Completion, Draft, GenerationSettings, Record
from assistant.terminal import one_line
from knowledge.answers.followups import in_full
from knowledge.answers.quotes import Quote, Quotes, find_quotes
from knowledge.documents import Filters, Hit, SearchResult
from knowledge.library import Library
from knowledge.search.confidence import judge

_LONGEST = 96


class Found(Record, frozen=True):
    """The passages that the answer will come from, best first; known before the answer is."""

    hits: tuple[Hit, ...]
    answerable: bool
    confidence: float


def answer_question(
    assistant: Assistant,
    library: Library,
    question: str,
    *,
    k: int = 5,
    mode: str = "zero-shot",
    filters: Filters | None = None,
    previous: str = "",
) -> Iterator[Found | Piece | DocumentAnswer]:
    """Search the documents and answer: yields Found, then pieces of the text if a model writes it, then the whole
    answer, already stored.

    `Assistant.cancel` stops the writing; what was written is kept, and Interrupted is raised if it was nothing.
    `previous` is the previous question in a chat, which completes "and on Sundays?". Raises UsageError, with the right
    command, if the question asks for the summary of a file.
    """
    if not question.strip():
        raise UsageError('write a question: assistant ask "How long is parental leave?"')
    if k < 1:
        raise UsageError("-k must be at least 1")
    started = time.monotonic()
    with explained():
        if whole := file_to_summarize(question, library):
            shown = one_line(whole)
            raise UsageError(
                "a summary is of a whole file, not of the passages that a search finds in it:"
                f" `assistant summarize {shlex.quote(shown)}`, or type @{shown} in the app"
            )
        question = in_full(question, previous)
        result = library.search(question, k, filters)
        quotes = find_quotes(question, result, library.embedder()) if result.hits else Quotes(best=())
    is_likely = judge(quotes.confidence) != "none"
    result = msgspec.structs.replace(result, confidence=quotes.confidence, answerable=is_likely)
    yield Found(hits=result.hits, answerable=result.answerable, confidence=result.confidence)
    if not (result.answerable and quotes.best):
        yield _refusal(question, result, quotes)
        return
    prompt = _prompt(assistant, question, result, mode)
    if _writes(assistant):
        yield from _written(assistant, library, question, result, quotes, prompt)
    else:
        citations = tuple(_citation(quote) for quote in quotes.best)
        completion = _quoted(prompt, result, quotes.best[0], library.embedder().identity, time.monotonic() - started)
        said = citations if quotes.disagree else citations[:1]
        sentences = tuple(CitedSentence(text=citation.text, citation=place) for place, citation in enumerate(said))
        answer = _kept(assistant, question, result, completion, sentences, citations)
        yield msgspec.structs.replace(answer, disagree=quotes.disagree)


def _writes(assistant: Assistant) -> bool:
    wanted = assistant.settings.knowledge.answers
    return wanted == "write" or (wanted == "auto" and can_answer(assistant))


def _prompt(assistant: Assistant, question: str, result: SearchResult, mode: str) -> PassagePrompt:
    model = assistant.loaded.model if assistant.loaded else assistant.choice()[0]
    texts = [hit.text for hit in result.hits]
    return render_question(question, texts, mode=mode, budget=model.window, count_tokens=token_counter(model.folder))


def _written(
    assistant: Assistant,
    library: Library,
    question: str,
    result: SearchResult,
    quotes: Quotes,
    prompt: PassagePrompt,
) -> Iterator[Piece | DocumentAnswer]:
    """Yield the model's answer in pieces, then with its sources; if the model finds no answer, yield the refusal."""
    serving = assistant.loaded or assistant.load()
    # A single text that can be streamed and reproduced: an answer is right or wrong, so several drafts are no help.
    settings = GenerationSettings(decoding="greedy", max_new_tokens=_LONGEST)
    for reply in assistant.engine.stream(prompt.text, settings):
        if isinstance(reply, Piece):
            yield reply
        else:
            finished = reply
    rationale, answer = split_answer(finished.drafts[0][0].text, prompt.mode)
    answer = without_markers(answer)
    if not answer and finished.drafts[0][0].finished == "cancelled":
        raise Interrupted("stopped before anything was written")
    if not answer or answer.lower().startswith(load_reading().unanswerable):
        yield _refusal(question, result, quotes)
        return
    hits = result.hits[: prompt.passages]
    with explained():
        sentences, citations = cite(question, answer, hits, library.embedder())
    completion = _completion(prompt, hits, serving, settings, finished, answer, rationale)
    nearest = () if citations else tuple(_citation(quote) for quote in quotes.best[:1])
    yield _kept(assistant, question, result, completion, sentences, citations, nearest, is_written=True)


def _kept(
    assistant: Assistant,
    question: str,
    result: SearchResult,
    completion: Completion,
    sentences: tuple[CitedSentence, ...],
    citations: tuple[Citation, ...],
    nearest: tuple[Citation, ...] = (),
    *,
    is_written: bool = False,
) -> DocumentAnswer:
    """Store the answer before it is shown as done."""
    if assistant.store is not None:
        assistant.store.completions.add([completion])
    return DocumentAnswer(
        question=question,
        answerable=True,
        confidence=result.confidence,
        completion=completion,
        is_written=is_written,
        sentences=sentences,
        citations=citations,
        nearest=nearest,
        certainty=judge(result.confidence),
    )


def _refusal(question: str, result: SearchResult, quotes: Quotes) -> DocumentAnswer:
    return DocumentAnswer(
        question=question,
        answerable=False,
        confidence=result.confidence,
        nearest=tuple(_citation(quote) for quote in quotes.best[:1]) or tuple(_whole(hit) for hit in result.hits[:1]),
        certainty="none",
    )


def _completion(
    prompt: PassagePrompt,
    hits: tuple[Hit, ...],
    serving: Loaded,
    settings: GenerationSettings,
    finished: Finished,
    answer: str,
    rationale: str,
) -> Completion:
    draft: Draft = finished.drafts[0][0]
    return msgspec.structs.replace(
        _blank(prompt, hits, answer, finished.seconds),
        model=serving.model.ref,
        backend=serving.backend,
        backend_version=serving.backend_version,
        settings=settings,
        rationale=rationale,
        finished=draft.finished,
        completion_tokens=draft.tokens,
    )


def _quoted(prompt: PassagePrompt, result: SearchResult, quote: Quote, embedder: str, seconds: float) -> Completion:
    """Return a quotation as a completion. Its backend version is the embedder, by which it can be reproduced."""
    in_prompt = result.hits[: prompt.passages]
    quoted_from = [hit for hit in result.hits if hit.passage_id == quote.passage_id and hit not in in_prompt]
    hits = (*quoted_from, *in_prompt)
    return msgspec.structs.replace(_blank(prompt, hits, quote.text, seconds), backend_version=embedder)


def _blank(prompt: PassagePrompt, hits: tuple[Hit, ...], answer: str, seconds: float) -> Completion:
    return Completion(
        id=secrets.token_hex(6),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        prompt=prompt.text,
        mode=prompt.mode,
        task="question",
        prompt_version=prompt.version,
        model=QUOTE,
        backend="ctranslate",
        backend_version="",
        settings=GenerationSettings(decoding="greedy", max_new_tokens=_LONGEST),
        answer=answer,
        prompt_tokens=prompt.tokens,
        seconds=seconds,
        passage_ids=tuple(hit.passage_id for hit in hits),
    )


def _citation(quote: Quote) -> Citation:
    facts = msgspec.structs.asdict(quote)
    return Citation(**{name: value for name, value in facts.items() if name in Citation.__struct_fields__})


def _whole(hit: Hit) -> Citation:
    return citation_of(hit, 0, len(hit.text), max(hit.score, 0.0))
