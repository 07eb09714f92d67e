"""Digests each transcript in a folder, now and whenever one appears or changes.

What was made of which content stands in the digest's own first line, so that nothing is made twice, whoever ends the
program when.
"""

import hashlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from assistant.answering.files import read_file
from assistant.conversation import Assistant
from assistant.dialogue import render_turns
from assistant.digest import render
from assistant.errors import AssistantError, UsageError
from assistant.files import write_atomically
from assistant.overview import Overview, Wanted, overview
from assistant.records import Ask, Dialogue
from assistant.terminal import one_line, printable

DIGESTS = "digests"
"""The folder inside the one watched that the digests go to."""
_QUIET_MS = 1_600
_LOOK_AGAIN_MS = 5_000
_MADE_FROM = re.compile(r"<!-- made by Parley from sha256:([0-9a-f]{64}) -->")


class Watched(NamedTuple):
    """What became of a file: the digest's path, or the sentence that says why there is none."""

    file: Path
    digest: Path | None
    problem: str = ""


def watch_folder(
    folder: Path, assistant: Assistant, ask: Ask, stop: threading.Event | None = None, *, once: bool = False
) -> Iterator[Watched]:
    """Digest what is there and has no digest yet, then, unless `once`, what comes, until `stop` is set.

    Yields what became of each file; one that can't be read is named once and tried again when it changes. Raises
    UsageError where there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"no folder {folder} to watch")
    refused: dict[Path, str] = {}
    yield from _digest_all(folder, assistant, ask, refused)
    if once:
        return
    from watchfiles import watch as changes_in

    # Asked again after a while without news, too: a network drive may tell none.
    for _ in changes_in(
        folder,
        recursive=False,
        debounce=_QUIET_MS,
        rust_timeout=_LOOK_AGAIN_MS,
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=True,
    ):
        yield from _digest_all(folder, assistant, ask, refused)


def _digest_all(folder: Path, assistant: Assistant, ask: Ask, refused: dict[Path, str]) -> Iterator[Watched]:
    for file in sorted(folder.iterdir()):
        if not file.is_file() or file.name.startswith((".", "~")):
            continue
        try:
            print_of = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError:
            continue  # gone meanwhile, or not ours to read
        target = folder / DIGESTS / f"{file.name}.md"
        if refused.get(file) == print_of or _made_from(target) == print_of:
            continue
        try:
            dialogue = read_file(file)
            found = overview(assistant, dialogue, ask, Wanted(when="never"))
        except AssistantError as error:
            refused[file] = print_of
            yield Watched(file, None, str(error))
            continue
        _keep_chat(assistant, dialogue, found, file)
        write_atomically(target, _page(file, found, print_of))
        yield Watched(file, target)


def _made_from(digest: Path) -> str:
    """The fingerprint of what a digest was made from; empty where there is none, or a file of somebody else's."""
    try:
        with digest.open(encoding="utf-8") as stream:
            found = _MADE_FROM.match(stream.readline())
    except (OSError, UnicodeDecodeError):
        return ""
    return found[1] if found else ""


def _page(file: Path, found: Overview, print_of: str) -> bytes:
    body = printable(render(found.digest, "markdown")) or "Nothing in it needs telling."
    title = one_line(found.digest.title)
    heading = f"# {one_line(file.name)}" + (f": {title}" if title else "")
    return f"<!-- made by Parley from sha256:{print_of} -->\n{heading}\n\n{body}\n".encode()


def _keep_chat(assistant: Assistant, dialogue: Dialogue, found: Overview, file: Path) -> None:
    """The app lists it among its chats."""
    store = assistant.store
    if store is None:
        return
    with store.writing():
        chat = store.new_chat(title=one_line(found.digest.title) or one_line(file.name))
        store.add_message(chat.id, "conversation", render_turns(dialogue))
        store.add_message(chat.id, "answer", found.completion.answer, [found.completion.id])
