"""`assistant summarize`: one conversation from a file or stdin, or many from JSON Lines."""

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from assistant.cli.output import note, say, say_json
from assistant.cli.summaries.batch import summarize_lines
from assistant.cli.summaries.notes import note_answer, note_dialogue, telling
from assistant.cli.summaries.replies import Reply, Request, Task, model_task, reply_to
from assistant.conversation import Ask, Assistant, refine
from assistant.dialogue import is_document, open_dialogue, parse_renames, rename
from assistant.engine.protocol import check_settings
from assistant.errors import UsageError
from assistant.exporting import kind_of, todos_as
from assistant.feedback.store import Store
from assistant.files import write_atomically
from assistant.records import BackendName, Decoding, Dialogue, Faithful, GenerationSettings
from assistant.settings import Settings, load_settings


def summarize(
    file: Path | None = None,
    *,
    mode: str | None = None,
    task: Task = "auto",
    request: Annotated[str, Parameter(name=["--request", "--question"])] = "",
    wish: str = "",
    words: int | None = None,
    points: int | None = None,
    drafts: int | None = None,
    decoding: Decoding | None = None,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    max_new_tokens: int | None = None,
    faithful: Faithful | None = None,
    candidates: int | None = None,
    seed: int | None = None,
    model: str | None = None,
    backend: BackendName | None = None,
    format: str = "",
    rename_: Annotated[list[str] | None, Parameter(name="--rename")] = None,
    jsonl: Path | None = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    todos_to: Path | None = None,
    json: bool = False,
) -> int:
    """Summarize a conversation.

    Examples:

      assistant summarize chat.txt

      assistant summarize chat.txt --words 60 --wish "focus on the refund"

      assistant summarize chat.txt --task summary --mode few-shot

      assistant summarize chat.txt --task question --question "When do they meet?"

      cat chat.txt | assistant summarize - --drafts 4 --decoding sample --seed 7

      assistant summarize chat.txt --todos-to tasks.ics

      assistant summarize --jsonl in.jsonl -o out.jsonl

    Parameters
    ----------
    file
        A conversation or a document (pdf, docx, html); without it, or with `-`, standard input.
    mode
        zero-shot, one-shot, few-shot or chain-of-thought.
    task
        auto: the digest, with the model's summary above it if the model passed the exam; digest: the digest alone;
        summary: the model's summary; topic, actions, question or instruction.
    request
        The question or the instruction.
    wish
        What the answer should be like: "focus on the refund", or formal, simple, bullets, one-sentence.
    words
        Aim at this many words.
    points
        Quote at most this many messages in the digest.
    drafts
        Number of texts to write. More than one needs sampling or beams.
    decoding
        greedy, beam or sample.
    temperature
        Sampling temperature, above 0. Higher values are more surprising.
    top_k
        Sample among the k likeliest tokens; 0 for all.
    top_p
        Sample among the likeliest tokens that hold this share of the probability.
    max_new_tokens
        Longest text in tokens.
    faithful
        Names and numbers that the conversation lacks: rerank prefers drafts
        without them, ban prevents them, off allows them.
    candidates
        Drafts that rerank chooses among.
    seed
        Makes sampling repeatable.
    model
        current, pocket, a Hub id on this machine, or a folder.
    backend
        ctranslate (fast on CPU) or transformers.
    format
        The format, such as chat, paste, mail, json or names; recognized by default.
    rename_
        Rename a speaker: --rename A=Anna. May be repeated.
    jsonl
        Summarize every line {"id", "dialogue"} of this file. With -o you can stop and repeat it to continue.
    output
        Write the lines to this file instead of standard output.
    todos_to
        Also write the to-dos to this file: a checklist (.md), calendar tasks (.ics) or .json.
    json
        Print one JSON object.
    """
    settings = load_settings()
    flags = {
        "decoding": decoding,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "max_new_tokens": max_new_tokens,
        "faithful": faithful,
        "candidates": candidates,
        "seed": seed,
        "drafts": drafts,
    }
    is_model_asked = bool(mode or model or backend or any(value is not None for value in flags.values()))
    ask = Ask(
        mode=mode or settings.prompt.mode,
        task=model_task(task),
        request=request,
        phrasing=settings.prompt.phrasing or None,
        words=words,
        settings=_with_flags(settings.generation, flags),
    )
    if wish.strip().lower() in ("shorter", "longer"):
        raise UsageError(f"{wish.strip()} needs an answer to compare with: use --words N")
    if wish:
        ask = refine(ask, "", wish)
    check_ask(ask, points)
    wanted = Request(ask=ask, task=task, is_model_asked=is_model_asked, points=points, model=model, backend=backend)
    if todos_to is not None:
        _check_todo_file(todos_to, task, is_batch=jsonl is not None)
    if jsonl is not None:
        if file is not None:
            raise UsageError("give a FILE or --jsonl, not both")
        return summarize_lines(jsonl, output, wanted, settings)
    if output is not None:
        raise UsageError("-o works with --jsonl; to save one summary, use: assistant summarize FILE > summary.txt")
    dialogue = rename(read_source(file, format), parse_renames(rename_ or []))
    reply = _reply(dialogue, wanted, settings)
    if todos_to is not None:
        _write_todos(reply, todos_to)
    if json:
        say_json({**reply.as_json(), "format": dialogue.format, "left_out": dialogue.left_out})
    else:
        note_dialogue(dialogue)
        _print(reply)
    return 0


def _reply(dialogue: Dialogue, request: Request, settings: Settings) -> Reply:
    with (
        Store.open() as store,
        Assistant(settings, store=store, on_notice=note) as assistant,
        telling() as tell,
    ):
        return reply_to(assistant, dialogue, request, tell)


def check_ask(ask: Ask, points: int | None = None) -> None:
    """Refuse invalid requests before anything is loaded. Raises UsageError."""
    from assistant.prompts import MODES, TASKS, unknown_mode

    if ask.mode not in MODES:
        raise unknown_mode(ask.mode)
    if TASKS[ask.task].takes_request and not ask.request.strip():
        raise UsageError(f'--task {ask.task} needs --request "…"')
    if ask.words is not None and ask.words < 1:
        raise UsageError("--words must be at least 1")
    if points is not None and points < 1:
        raise UsageError("--points must be at least 1")
    check_settings(ask.settings)


def _with_flags(settings: GenerationSettings, flags: dict[str, Any]) -> GenerationSettings:
    given = {name: value for name, value in flags.items() if value is not None}
    if given.get("drafts", 1) > 1 and "decoding" not in given and settings.decoding == "greedy":
        given["decoding"] = "sample"
    changed = msgspec.structs.replace(settings, **given)
    if changed.decoding == "beam" and changed.drafts > changed.beams:
        changed = msgspec.structs.replace(changed, beams=changed.drafts)
    return changed


def _source(file: Path | None) -> Path | bytes:
    if file is not None and str(file) != "-":
        return file
    if sys.stdin.isatty():
        note("Paste a conversation, then press Ctrl+D.")
    return sys.stdin.buffer.read()


def read_source(file: Path | None, format: str = "") -> Dialogue:
    """The conversation in a file, a Maildir, or standard input."""
    source = _source(file)
    if isinstance(source, Path) and is_document(source):
        from assistant.answering.files import read_file  # importing the loaders takes a tenth of a second

        return read_file(source, format)
    return open_dialogue(source, format)


def _print(reply: Reply) -> None:
    for sentence in reply.notes:
        note(sentence)
    if reply.answer is not None:
        note_answer(reply.answer)
    if len(reply.drafts) == 1:
        say(reply.text)
        return
    for number, draft in enumerate(reply.drafts, start=1):
        say(f"{number}. {draft}")


def _check_todo_file(path: Path, task: Task, *, is_batch: bool) -> None:
    """Refuse files of an unknown kind, and tasks without to-dos, before anything is read."""
    kind_of(path)
    if is_batch:
        raise UsageError("--todos-to works with one conversation; with --jsonl each line has its to-dos")
    if task not in ("auto", "digest", "topic", "actions"):
        raise UsageError(f"--task {task} finds no to-dos: use --task digest")


def _write_todos(reply: Reply, path: Path) -> None:
    if reply.overview is None:
        raise UsageError("a model wrote this answer, which has no to-dos: use --task digest")
    todos = reply.overview.digest.todos
    write_atomically(path.absolute(), todos_as(kind_of(path), todos))
    note(f"{len(todos)} {'to-do' if len(todos) == 1 else 'to-dos'} written to {path}")
