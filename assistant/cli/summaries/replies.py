"""A request to `summarize` and its reply: a model's answer, or a digest with the model's text beside it."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from assistant import records
from assistant.conversation import Answer, Ask, Assistant
from assistant.digest import Digest, todo_line
from assistant.engine.protocol import OnProgress
from assistant.exam import known_result
from assistant.overview import Overview, Wanted, When, overviews
from assistant.records import BackendName, Dialogue

DIGEST_KEYS = ("title", "points", "todos", "open", "model_text")
"""The keys that a digest adds to the JSON of an answer."""
Task = Literal["auto", "digest", "summary", "topic", "actions", "question", "instruction"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request. `is_model_asked` is true if a flag was given that only a model understands."""

    ask: Ask
    task: Task
    is_model_asked: bool = False
    points: int | None = None
    model: str | None = None
    backend: BackendName | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The text shown to the user, and its source. `overview` is None if the answer is a model's text alone."""

    text: str
    task: Task
    answer: Answer | None = None
    overview: Overview | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what was and wasn't done."""
        return self.overview.notes if self.overview else ()

    @property
    def drafts(self) -> list[str]:
        """The texts to choose from: a model's drafts, or the one text shown."""
        if self.overview is None and self.answer is not None:
            return [draft.answer for draft in self.answer.drafts]
        return [self.text]

    def as_json(self) -> dict[str, Any]:
        """The reply in the shape of `--json`."""
        if self.overview is None:
            assert self.answer is not None
            return answer_json(self.answer)
        found = answer_json(self.answer) if self.answer is not None else _no_model_json(self.overview)
        return {
            **found,
            "summary": self.text,
            "task": self.task,
            **digest_json(self.overview.digest),
            "model_text": msgspec.to_builtins(self.overview.model_text),
        }


def model_task(task: Task) -> records.Task:
    """The task of the prompt for a task of `summarize`."""
    return "summary" if task == "auto" or task == "digest" else task


def reply_to(
    assistant: Assistant, dialogue: Dialogue, request: Request, on_progress: OnProgress | None = None
) -> Reply:
    """Answer one conversation as requested."""
    return replies_to(assistant, [dialogue], request, on_progress)[0]


def replies_to(
    assistant: Assistant, dialogues: Sequence[Dialogue], request: Request, on_progress: OnProgress | None = None
) -> list[Reply]:
    """Answer each conversation as requested."""
    when = when_to_write(assistant, request)
    if when is None:
        if assistant.loaded is None:
            assistant.load(request.model, request.backend, on_progress=on_progress)
        answers = assistant.answers(dialogues, request.ask, on_progress)
        return [Reply(text=one.completion.answer, task=request.task, answer=one) for one in answers]
    wanted = Wanted(when=when, ref=request.model, backend=request.backend, points=request.points)
    found = overviews(assistant, dialogues, request.ask, wanted, on_progress)
    return [
        Reply(text=part_for(request.task, one), task=request.task, answer=one.answer, overview=one) for one in found
    ]


def when_to_write(assistant: Assistant, request: Request) -> When | None:
    """When to add a model's text to the digest; None if the model's text is the answer.

    A flag that only a model understands asks for the model's text. Topic and actions come from the digest unless such a
    flag was given or the model has passed the exam.
    """
    if request.task == "digest":
        return "never"
    if request.task == "auto":
        return "always" if request.is_model_asked else assistant.settings.summary.model_text
    if request.task in ("topic", "actions") and not request.is_model_asked:
        result = known_result(assistant.choice()[0])
        return None if result is not None and result.passed else "never"
    return None


def part_for(task: Task, found: Overview) -> str:
    """The text for a task: the title for topic, the to-dos for actions, the whole text for all others."""
    if task == "topic":
        return found.digest.title or "No topic stands out."
    if task == "actions":
        return "\n".join(map(todo_line, found.digest.todos)) or "Nothing to do was agreed."
    return found.text


def digest_json(digest: Digest) -> dict[str, Any]:
    """Points, to-dos and open questions as JSON values."""
    return {
        "title": digest.title,
        "points": msgspec.to_builtins(digest.points),
        "todos": msgspec.to_builtins(digest.todos),
        "open": [question.text for question in digest.open],
    }


def _no_model_json(found: Overview) -> dict[str, Any]:
    completion = found.completion
    return {
        "drafts": [completion.answer],
        "draft_ids": [completion.id],
        "model": completion.model,
        "backend": "",
        "mode": completion.mode,
        "prompt": "",
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "seconds": round(completion.seconds, 3),
        "completion_id": completion.id,
    }


def answer_json(answer: Answer) -> dict[str, Any]:
    """The answer in the shape of `--json`."""
    completion = answer.completion
    return {
        "summary": completion.answer,
        "drafts": [draft.answer for draft in answer.drafts],
        "draft_ids": [draft.id for draft in answer.drafts],
        "model": completion.model,
        "backend": completion.backend,
        "mode": completion.mode,
        "task": completion.task,
        "prompt": completion.prompt,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "seconds": round(completion.seconds, 3),
        "completion_id": completion.id,
        "rationale": completion.rationale,
        "finished": completion.finished,
        "seed": completion.settings.seed,
        "turns": answer.turns,
        "parts": max(1, len(answer.parts)),
        "combined": answer.combined,
        "shots_dropped": answer.shots_dropped,
        "faithful": msgspec.to_builtins(answer.guarded) if answer.guarded else None,
    }
