"""`assistant ask`: ask questions about the user's documents."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from assistant.answering import answer_question, open_library
from assistant.answering.answers import Citation, DocumentAnswer
from assistant.cli.knowledge.knowledge import NONE_YET, excerpt, filters_from, place
from assistant.cli.output import is_interactive, note, say, say_json
from assistant.conversation import Assistant
from assistant.engine.protocol import Progress
from assistant.errors import Interrupted, UsageError
from assistant.feedback.store import Store
from assistant.prompts import MODES, unknown_mode
from assistant.records import BackendName
from assistant.settings import load_settings
from assistant.terminal import one_line

UNSUPPORTED = "[not supported by your documents]"


def ask(
    question: str,
    *,
    k: Annotated[int, Parameter(name=["-k", "--k"])] = 5,
    mode: str | None = None,
    folder: Path | None = None,
    type_: Annotated[str, Parameter(name="--type")] = "",
    since: str = "",
    model: str | None = None,
    backend: BackendName | None = None,
    json: bool = False,
) -> int:
    """Answer a question from your documents, with the source of each sentence.

    If the model passes a reading check, it writes the answer. Otherwise the best sentence is quoted word for word.

    Examples:

      assistant ask "How long is parental leave?"

      assistant ask "Who signs invoices?" --folder ~/handbook --type pdf,md

    Parameters
    ----------
    question
        The question.
    k
        Read this many passages.
    mode
        If a model writes: zero-shot, one-shot, few-shot or chain-of-thought.
    folder
        Only files in this folder.
    type_
        Only files of these types, such as pdf,docx.
    since
        Only files changed since this day, such as 2026-03-01.
    model
        current, pocket, a Hub id on this machine, or a folder.
    backend
        ctranslate (fast on CPU) or transformers.
    json
        Print one JSON object.
    """
    settings = load_settings()
    chosen = mode or settings.prompt.mode
    if chosen not in MODES:
        raise unknown_mode(chosen)
    if not question.strip():
        raise UsageError('write a question: assistant ask "How long is parental leave?"')
    filters = filters_from(folder, type_, since)
    with open_library(settings.knowledge, note) as library, Store.open() as store:
        with Assistant(settings, store=store, on_notice=note) as assistant:
            if model or backend:
                assistant.load(model, backend, on_progress=_tell)
            for news in answer_question(assistant, library, question, k=k, mode=chosen, filters=filters):
                answer = news
        if not isinstance(answer, DocumentAnswer):
            raise Interrupted("stopped before there was an answer")
        if json:
            say_json(as_json(answer))
        else:
            say_answer(answer, has_documents=library.catalog.passage_count() > 0)
            if answer.completion is not None:
                note(f"Rate it: assistant rate {answer.completion.id} up")
    return 0


def as_json(answer: DocumentAnswer) -> dict[str, Any]:
    """The answer in the shape of `--json`."""
    completion = answer.completion
    return {
        "answer": answer.text,
        "answerable": answer.answerable,
        "citations": [_facts(citation) for citation in answer.citations],
        "sentences": msgspec.to_builtins(answer.sentences),
        "supported": answer.is_supported,
        "confidence": answer.confidence,
        "certainty": answer.certainty,
        "disagree": answer.disagree,
        "nearest": [_facts(citation) for citation in answer.nearest],
        "model": completion.model if completion else None,
        "mode": completion.mode if completion else None,
        "passage_ids": list(completion.passage_ids) if completion else [],
        "completion_id": completion.id if completion else None,
        "seconds": round(completion.seconds, 3) if completion else None,
    }


def say_answer(answer: DocumentAnswer, *, has_documents: bool) -> None:
    """Print an answer, then the sources that it cites."""
    if not answer.answerable:
        say("Not in your documents." if has_documents else NONE_YET)
    elif answer.is_written:
        say(" ".join(f"{s.text} {_mark(s.citation)}" for s in answer.sentences))
    else:
        if answer.preface:
            say(answer.preface)
        for number, citation in enumerate(answer.citations[: len(answer.sentences)], 1):
            say(f"{quoted(citation)} [{number}]")
    for number, citation in enumerate(answer.citations, 1):
        at = f"[{number}] {place(citation)}, characters {citation.start}-{citation.end}"
        # Quoted sentences are printed above. The other citations are similar sentences.
        is_quoted = number <= len(answer.sentences) and not answer.is_written
        say(at if is_quoted else f"{at}\n    {excerpt(citation.text)}")
    for citation in answer.nearest:
        say(f"Nearest: {place(citation)}\n    {excerpt(citation.text)}")


def quoted(citation: Citation) -> str:
    """The citation's text in quotes, on one line. On a terminal, the words that answer the question are bold."""
    line = one_line(citation.text)
    if citation.answer is not None and is_interactive():
        start, end = (place - citation.start for place in citation.answer)
        answer = one_line(citation.text[start:end])
        at = line.find(answer, len(one_line(citation.text[:start])))
        line = f"{line[:at]}\x1b[1m{answer}\x1b[22m{line[at + len(answer) :]}" if at >= 0 else line
    return f"“{line}”"


def _mark(citation: int | None) -> str:
    return UNSUPPORTED if citation is None else f"[{citation + 1}]"


def _facts(citation: Citation) -> dict[str, Any]:
    return {
        name: getattr(citation, name)
        for name in ("document", "page", "place", "start", "end", "text", "score", "passage_id", "answer")
    }


def _tell(progress: Progress) -> None:
    if is_interactive() and progress.total != 1:
        note(f"{progress.stage} …")
