"""`assistant summarize --jsonl`: summarize many conversations in order, and resume an interrupted run."""

import os
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec

from assistant.cli.output import note, progress_bar
from assistant.cli.summaries.replies import DIGEST_KEYS, Reply, Request, replies_to, when_to_write
from assistant.conversation import Assistant
from assistant.dialogue import parse
from assistant.errors import InputUnreadable, UsageError
from assistant.feedback.store import Store
from assistant.overview import DIGEST, exam_of
from assistant.records import Dialogue
from assistant.settings import Settings

_CHUNK = 64
"""Conversations per chunk. Each chunk is on disk before the next begins, so a kill loses at most one."""


class Row(msgspec.Struct, frozen=True):
    """One conversation to summarize."""

    id: str | int
    dialogue: str


def summarize_lines(source: Path, target: Path | None, request: Request, settings: Settings) -> int:
    """Summarize every line. Return 1 if some conversations could not be read, else 0."""
    total = sum(1 for _ in read_rows(source))
    if total == 0:
        raise InputUnreadable(f'{source} has no lines; each line needs an object with "id" and "dialogue"')
    failed = 0
    with Store.open() as store, Assistant(settings, store=store, on_notice=note) as assistant:
        signature = _signature(assistant, request)
        done = _resume(target, source, signature) if target else 0
        if done:
            note(f"{target} already holds {done} of {total} summaries; continuing with the rest.")
        rows = islice(read_rows(source), done, None)
        started = time.monotonic()
        with _open(target) as stream, progress_bar("summaries", total) as bar:
            first = done
            while chunk := list(islice(rows, _CHUNK)):
                lines = _summarize(chunk, request, assistant, signature)
                failed += sum("error" in line for line in lines)
                _append(stream, lines)
                done += len(chunk)
                rate = (done - first) / (time.monotonic() - started)
                bar.to(done, f"{rate:.1f}/s")
    if failed:
        note(f'{failed} of {total} conversations could not be read; their lines say why under "error".')
    return 1 if failed else 0


def read_rows(source: Path) -> Iterator[Row]:
    """Yield the rows of a JSON Lines file. Raises UsageError with the number of an invalid line."""
    try:
        stream = source.open("rb")
    except FileNotFoundError:
        raise UsageError(f"no such file: {source}") from None
    except IsADirectoryError:
        raise UsageError(f"{source} is a folder; give a file of JSON lines") from None
    except PermissionError:
        raise UsageError(f"no permission to read {source}") from None
    with stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                yield msgspec.json.decode(line, type=Row)
            except (ValueError, RecursionError) as error:
                raise UsageError(f"{source}, line {number}: {error}") from error


def _signature(assistant: Assistant, request: Request) -> dict[str, str]:
    """The fields that all lines of a file share.

    A model that is going to write is loaded first, so that a damaged one is found before the first line is written.
    """
    when = when_to_write(assistant, request)
    model = assistant.choice(request.model)[0]
    if when == "auto":
        when = "always" if exam_of(assistant, model).passed else "never"
    if when != "never":
        model = assistant.load(request.model, request.backend).model
    return {"model": DIGEST if when == "never" else model.ref, "mode": request.ask.mode, "task": request.task}


def _summarize(
    rows: list[Row], request: Request, assistant: Assistant, signature: dict[str, str]
) -> list[dict[str, Any]]:
    """One line for each row, in order. A conversation that cannot be read gives a line with an error."""
    dialogues: list[Dialogue] = []
    problems: dict[int, str] = {}
    for index, row in enumerate(rows):
        try:
            dialogues.append(parse(row.dialogue))
        except InputUnreadable as error:
            problems[index] = str(error)
    replies = iter(replies_to(assistant, dialogues, request)) if dialogues else iter(())
    return [
        {"id": row.id, "summary": "", **signature, "error": problems[index]}
        if index in problems
        else _line(row, next(replies), signature)
        for index, row in enumerate(rows)
    ]


def _line(row: Row, reply: Reply, signature: dict[str, str]) -> dict[str, Any]:
    found = reply.as_json()
    line: dict[str, Any] = {"id": row.id, "summary": found["summary"], **signature}
    if len(found["drafts"]) > 1:
        line["drafts"] = found["drafts"]
    kept = ("backend", "prompt_tokens", "completion_tokens", "seconds", "completion_id", *DIGEST_KEYS)
    return line | {key: found[key] for key in kept if key in found}


def _open(target: Path | None) -> IO[bytes]:
    if target is None:
        return os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    try:
        return os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")
    except IsADirectoryError:
        raise UsageError(f"{target} is a folder; -o takes a file") from None
    except PermissionError:
        raise UsageError(f"no permission to write {target}") from None


def _append(stream: IO[bytes], lines: list[dict[str, Any]]) -> None:
    stream.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    stream.flush()
    if stream.seekable():
        os.fsync(stream.fileno())


def _resume(target: Path, source: Path, signature: dict[str, str]) -> int:
    """The number of finished lines. Removes a last line that a kill cut short.

    Raises UsageError if the file holds other lines, and leaves it unchanged.
    """
    if not target.exists() or target.is_dir():
        return 0
    whole = done = 0
    rows = read_rows(source)
    with target.open("rb") as stream:
        for line in stream:
            if not line.endswith(b"\n"):
                break
            done += 1
            _check_line(line, next(rows, None), f"{target}, line {done}", signature)
            whole += len(line)
    if whole < target.stat().st_size:
        os.truncate(target, whole)
    return done


def _check_line(line: bytes, row: Row | None, place: str, signature: dict[str, str]) -> None:
    try:
        written = msgspec.json.decode(line, type=dict[str, Any])
    except (ValueError, RecursionError):
        raise UsageError(f"{place} is not a summary; give another -o, or remove that file") from None
    if row is None or written.get("id") != row.id:
        raise UsageError(
            f"{place} is not the summary of the same line of the input; give another -o, or remove that file"
        )
    changed = [key for key, value in signature.items() if written.get(key) != value]
    if changed:
        raise UsageError(f"{place} was written with another {changed[0]} ({written.get(changed[0])}); give another -o")
