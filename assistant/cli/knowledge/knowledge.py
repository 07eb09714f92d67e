"""`assistant knowledge`: index, list, search and measure the user's documents."""

import json as json_
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from assistant.answering.answers import Citation
from assistant.answering.library import open_library
from assistant.cli.knowledge.evaluate import evaluate
from assistant.cli.output import note, progress_bar, say, say_json
from assistant.errors import UsageError
from assistant.feedback.store import Store
from assistant.files import write_atomically
from assistant.locations import store_file
from assistant.settings import KnowledgeSettings, load_settings, resolve, save_setting
from assistant.terminal import one_line, rough_time
from knowledge.documents import Filters, Hit
from knowledge.library import Library, OnProgress, Progress, UpdateResult

knowledge = App(name="knowledge", help="Index, search and measure your documents.", help_format="plaintext")

knowledge.command(evaluate, name="evaluate")

_EMBEDDER = "knowledge.embedder"
NONE_YET = "There are no documents yet: assistant knowledge add PATH"
_EXCERPT = 300
_MOST_SHOWN = 20
_PATH = 40


@knowledge.command(name="add")
def add(*paths: Path, json: bool = False) -> int:
    """Index files and folders. Later updates look at them again.

    Example:

      assistant knowledge add ~/notes handbook.pdf

    Parameters
    ----------
    paths
        Files and folders. Patterns in .gitignore and .assistantignore are skipped.
    json
        Print one JSON object.
    """
    if not paths:
        raise UsageError("name the files or folders to add: assistant knowledge add ~/notes")
    with _library() as library, _shown() as on_progress:
        result = library.add(paths, on_progress)
    return _report(result, json)


@knowledge.command(name="update")
def update(*, rebuild: bool = False, embedder: str = "", json: bool = False) -> int:
    """Index what is new or changed, and forget what was deleted.

    Examples:

      assistant knowledge update

      assistant knowledge update --embedder intfloat/multilingual-e5-small

    Parameters
    ----------
    rebuild
        Index everything again.
    embedder
        Use this embedder from now on, and index everything again with it: minilm, or a model on this machine.
    json
        Print one JSON object.
    """
    settings = _settings(embedder)
    with open_library(settings, note) as library:
        if embedder:
            rebuild = library.is_of_another_embedder() or rebuild
            save_setting(_EMBEDDER, settings.embedder)
        with _shown() as on_progress:
            result = library.update(on_progress, rebuild=rebuild)
    return _report(result, json)


@knowledge.command(name="watch")
def watch(*, json: bool = False) -> int:
    """Update the index whenever a file changes, until you press Ctrl+C.

    Parameters
    ----------
    json
        Print one JSON object for each update.
    """
    from knowledge.watching import watch as updates

    with _library() as library:
        if roots := library.catalog.roots():
            note("Watching " + ", ".join(one_line(str(root)) for root in roots) + " · Ctrl+C ends it")
        for result in updates(library):
            if result.added or result.changed or result.moved or result.deleted:
                _report(result, json)
    return 0


@knowledge.command(name="remove")
def remove(*paths: Path, purge: bool = False, json: bool = False) -> int:
    """Remove files and folders from the index. The files themselves stay.

    Parameters
    ----------
    paths
        Files and folders in the index.
    purge
        Also erase their text from the index and from stored prompts and answers.
    json
        Print one JSON object.
    """
    if not paths:
        raise UsageError("name the files or folders to remove; `assistant knowledge list` shows them")
    blanked = 0
    with _library() as library:
        result = library.remove(paths, purge=purge)
        if purge and store_file().exists():
            with Store.open() as store:
                blanked = store.blank_passages(result.texts)
    if json:
        passages = len(result.texts)
        say_json({"files": result.files, "documents": result.documents, "passages": passages, "blanked": blanked})
    else:
        also = f" Their text was blanked in {blanked} stored answers." if blanked else ""
        say(f"Forgot {result.files} files with {len(result.texts)} passages.{also}")
    return 0


@knowledge.command(name="list")
def list_(*, json: bool = False) -> int:
    """List the indexed files, and the skipped ones with the reason.

    Parameters
    ----------
    json
        Print one JSON list.
    """
    with _library() as library:
        files, roots = library.files(), library.catalog.roots()
    if json:
        say_json([{"document": f.path, "passages": f.passages, "size": f.size, "skipped": f.reason} for f in files])
        return 0
    for file in files:
        passages = "1 passage" if file.passages == 1 else f"{file.passages:,} passages"
        state = f"skipped: {file.reason}" if file.reason else passages
        say(f"{one_line(file.path)}  {one_line(state)}")
    count = "1 file" if len(files) == 1 else f"{len(files):,} files"
    note(f"{count} below {', '.join(one_line(str(root)) for root in roots)}" if roots else NONE_YET)
    return 0


@knowledge.command(name="search")
def search(
    query: str = "",
    *,
    k: Annotated[int, Parameter(name=["-k", "--k"])] = 5,
    folder: Path | None = None,
    type_: Annotated[str, Parameter(name="--type")] = "",
    since: str = "",
    queries: Path | None = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    json: bool = False,
) -> int:
    """Find the passages nearest to a question.

    Examples:

      assistant knowledge search "how long is parental leave" -k 3

      assistant knowledge search --queries questions.jsonl -o results.jsonl

    Parameters
    ----------
    query
        A question or some words.
    k
        Print at most this many passages.
    folder
        Only files in this folder.
    type_
        Only files of these types, such as pdf,docx.
    since
        Only files changed since this day, such as 2026-03-01.
    queries
        Answer every line {"id", "question"} of this file.
    output
        Write the lines {"id", "results"} to this file instead of standard output.
    json
        Print one JSON list.
    """
    if bool(query) == (queries is not None):
        raise UsageError("give a QUERY or --queries, not both")
    if k < 1:
        raise UsageError("-k must be at least 1")
    filters = filters_from(folder, type_, since)
    with _library() as library:
        if queries is not None:
            return _search_lines(library, queries, output, k, filters)
        has_documents = bool(library.catalog.roots())
        result = library.search(query, k, filters)
    if json:
        say_json([_facts(hit) for hit in result.hits])
        return 0
    for number, hit in enumerate(result.hits, 1):
        say(f"[{number}] {place(hit)}  {hit.score:.2f}\n    {excerpt(hit.text)}\n")
    if not result.answerable:
        nothing = "Probably not in your documents" + ("; these come nearest." if result.hits else ".")
        note(nothing if has_documents else NONE_YET)
    return 0


_CITED = ("document", "page", "place", "start", "end", "text", "score")


def _library() -> AbstractContextManager[Library]:
    return open_library(load_settings().knowledge, note)


def _settings(embedder: str) -> KnowledgeSettings:
    """The settings with this embedder; a path is made absolute.

    Raises UsageError if the project file or the environment sets the embedder.
    """
    settings, origins = resolve()
    if not embedder:
        return settings.knowledge
    origin = origins.get(_EMBEDDER, "default")
    if origin in ("project file", "environment"):
        raise UsageError(f"{_EMBEDDER} comes from the {origin}: change it there, and run `knowledge update --rebuild`")
    folder = Path(embedder).expanduser()
    is_path = embedder.startswith(("/", ".", "~"))
    return msgspec.structs.replace(settings.knowledge, embedder=str(folder.resolve()) if is_path else embedder)


@contextmanager
def _shown() -> Iterator[OnProgress]:
    with progress_bar("Reading", None, clock=False) as bar:

        def on_progress(progress: Progress) -> None:
            speed = f"{progress.passages_per_second:.1f} passages/s" if progress.passages else ""
            left = "" if progress.seconds_left is None else f", {rough_time(progress.seconds_left)} left"
            rate = f"{speed}{left}  {_end_of(one_line(progress.path))}"
            bar.of(progress.files_done, progress.files_total, rate)

        yield on_progress


def _end_of(path: str) -> str:
    return path if len(path) <= _PATH else "…" + path[1 - _PATH :]


def _report(result: UpdateResult, as_json: bool) -> int:
    if as_json:
        say_json(msgspec.to_builtins(result))
        return 0
    say(
        f"{result.added} added, {result.changed} changed, {result.moved} moved, {result.deleted} deleted,"
        f" {result.unchanged} unchanged: {result.passages} new passages in {result.seconds:.1f} s."
    )
    for skipped in result.skipped[:_MOST_SHOWN]:
        note(f"skipped {one_line(skipped.path)}: {one_line(skipped.reason)}")
    if len(result.skipped) > _MOST_SHOWN:
        note(f"and {len(result.skipped) - _MOST_SHOWN} more; `assistant knowledge list` shows all")
    if result.unsupported:
        kinds = ", ".join(
            f"{count} {suffix or 'without suffix'}" for suffix, count in sorted(result.unsupported.items())
        )
        note(f"skipped, because no loader reads them: {one_line(kinds)}")
    return 0


def _search_lines(library: Library, queries: Path, output: Path | None, k: int, filters: Filters) -> int:
    lines = []
    for number, line in enumerate(_read_lines(queries), 1):
        try:
            row = json_.loads(line)
            identity, question = row["id"], str(row["question"])
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f'{queries}, line {number}: not a line {{"id": …, "question": …}}') from error
        hits = library.search(question, k, filters).hits
        lines.append(json_.dumps({"id": identity, "results": [_facts(hit) for hit in hits]}, ensure_ascii=False))
    if output is None:
        for line in lines:
            say(line)
    else:
        write_atomically(output, "".join(line + "\n" for line in lines).encode())
        note(f"{len(lines)} questions searched for: {output}")
    return 0


def _read_lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error


def filters_from(folder: Path | None, types: str, since: str) -> Filters:
    """The filters for --folder, --type and --since. Raises UsageError for an invalid day."""
    after = None
    if since:
        try:
            after = time.mktime(time.strptime(since, "%Y-%m-%d"))
        except ValueError:
            raise UsageError(f"--since {since}: write a day such as 2026-03-01") from None
    suffixes = tuple("." + part.strip().lstrip(".").lower() for part in types.split(",") if part.strip())
    folders = (str(folder.expanduser().resolve()),) if folder else ()
    return Filters(folders=folders, suffixes=suffixes, after=after)


def _facts(hit: Hit) -> dict[str, Any]:
    return {key: getattr(hit, key) for key in ("passage_id", *_CITED)}


def place(found: Hit | Citation) -> str:
    """A document's name with its page, or its sheet and row, safe for a terminal."""
    page = f" p. {found.page}" if found.page is not None and not found.place.startswith("slide") else ""
    return one_line(found.document) + page + (f", {one_line(found.place)}" if found.place else "")


def excerpt(text: str) -> str:
    """The beginning of a text on one line, cut between words."""
    line = one_line(text)
    return line if len(line) <= _EXCERPT else line[: _EXCERPT - 1].rsplit(" ", 1)[0] + "…"
