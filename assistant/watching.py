"""Digests each transcript in a folder, now and whenever one is added or changed.

The first line of a digest records the content it was made from, so that nothing is digested twice, even after a
restart.
"""

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from assistant.answering.files import read_file
from assistant.conversation import Assistant
from assistant.dialogue import render_turns
from assistant.digest import Digest, render
from assistant.errors import AssistantError, DataMissing, InputUnreadable, UsageError
from assistant.feedback.store import Store
from assistant.files import write_atomically
from assistant.overview import Wanted, keep_overviews, kept_digest, make_overviews
from assistant.records import Ask
from assistant.terminal import one_line, printable

DIGESTS = "digests"
"""The folder for digests inside the one watched."""
_QUIET_MS = 1_600
_LOOK_AGAIN_MS = 5_000
_MADE_FROM = re.compile(rb"<!-- made by Parley from sha256:([0-9a-f]{64}) -->")
_FIRST_LINE = 128
"""The bytes to read for the first line of a digest."""
_LONGEST_NAME, _CUT_NAME = 230, 200
"""The maximum bytes of a file's name. File systems allow 255; a digest is first written under a
name 20 bytes longer.
"""


class Watched(NamedTuple):
    """The result for a file: the digest's path, or a sentence that says why there is none."""

    file: Path
    digest: Path | None
    problem: str = ""


def watch_folder(
    folder: Path, assistant: Assistant, ask: Ask, stop: threading.Event | None = None, *, once: bool = False
) -> Iterator[Watched]:
    """Digest files without a digest, then, unless `once`, new and changed ones until `stop` is set.

    Yields the result for each file; a failure is reported once and tried again when the file changes. Raises UsageError
    if there is no such folder, DataMissing if it disappears.
    """
    if not folder.is_dir():
        raise UsageError(f"no folder {folder} to watch")
    watch = _Watch(folder, assistant, ask)
    yield from watch.look()
    if once:
        return
    from watchfiles import watch as changes_in

    try:
        # Also polls without events, which a network drive may not send.
        for _ in changes_in(
            folder,
            recursive=False,
            debounce=_QUIET_MS,
            rust_timeout=_LOOK_AGAIN_MS,
            yield_on_timeout=True,
            stop_event=stop,
            raise_interrupt=True,
        ):
            yield from watch.look()
    except FileNotFoundError as error:
        raise _gone(folder) from error


def _gone(folder: Path) -> DataMissing:
    return DataMissing(f"the folder {folder} is gone: put it back and start the watch again")


class _Watch:
    """A watched folder, and what is known about its files."""

    def __init__(self, folder: Path, assistant: Assistant, ask: Ask) -> None:
        self._folder, self._assistant, self._ask = folder, assistant, ask
        self._prints: dict[Path, tuple[tuple[int, int, int], str]] = {}
        """The size, modification time and inode of a file, and the hash of its content then."""
        self._refused: dict[Path, str] = {}
        """The hashes of files that could not be digested."""
        self._told: dict[Path, str] = {}

    def look(self) -> Iterator[Watched]:
        """Digest new and changed files."""
        try:
            files = sorted(self._folder.iterdir())
        except FileNotFoundError as error:
            raise _gone(self._folder) from error
        except OSError as error:
            raise InputUnreadable(f"cannot look into {self._folder}: {error.strerror}") from error
        for file in files:
            if file.name.startswith((".", "~")):
                continue
            try:
                yield from self._look_at(file)
            except FileNotFoundError:
                continue  # deleted meanwhile
            except OSError as error:
                yield from self._tell(file, f"{error.strerror} ({error.filename or file})")

    def _look_at(self, file: Path) -> Iterator[Watched]:
        # A digest is no transcript: `digests` may be a link to the folder itself.
        if not file.is_file() or _made_from(file):
            return
        print_of = self._print_of(file)
        target = _target(self._folder, file)
        made_from = _made_from(target)
        if made_from == print_of or self._refused.get(file) == print_of:
            return
        if made_from is None:
            yield from self._tell(file, f"{target} was not written by Parley and is left alone: move it away")
            return
        try:
            digest = self._digest(file, print_of)
        except AssistantError as error:
            self._refused[file] = print_of
            yield Watched(file, None, str(error))
            return
        write_atomically(target, _page(file, digest, print_of))
        self._told.pop(file, None)
        yield Watched(file, target)

    def _tell(self, file: Path, problem: str) -> Iterator[Watched]:
        """Report a problem that may pass, once while it lasts."""
        if self._told.get(file) != problem:
            self._told[file] = problem
            yield Watched(file, None, problem)

    def _print_of(self, file: Path) -> str:
        """Return the hash of the file's content, cached until the file changes."""
        stat = file.stat()
        state = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
        known = self._prints.get(file)
        if known is None or known[0] != state:
            with file.open("rb") as stream:
                known = self._prints[file] = (state, hashlib.file_digest(stream, "sha256").hexdigest())
        return known[1]

    def _digest(self, file: Path, print_of: str) -> Digest:
        """Digest a file, and store the digest with its chat in one transaction: the app lists it among its chats.

        The same content of the same file is the same chat. If that exists already, the program ended before it wrote
        the digest's file, and the chat's digest is used.
        """
        store = self._assistant.store
        id = hashlib.sha256(f"{file.resolve()}\0{print_of}".encode(errors="surrogateescape")).hexdigest()[:16]
        if store is not None and (kept := _digest_of_chat(store, id)):
            return kept
        dialogue = read_file(file)
        (found,) = make_overviews(self._assistant, [dialogue], self._ask, Wanted(when="never"))
        if store is not None:
            with store.database.writing():
                if not store.chats.has(id):
                    keep_overviews(store, [found])
                    store.chats.new(title=one_line(found.digest.title) or one_line(file.name), id=id)
                    store.chats.add_message(id, "conversation", render_turns(dialogue))
                    store.chats.add_message(id, "answer", found.completion.answer, [found.completion.id])
        return found.digest


def _digest_of_chat(store: Store, id: str) -> Digest | None:
    """Return the first digest in a chat; None if there is no such chat, or no digest in it."""
    shown = [answer for message in store.chats.messages(id) for answer in message.completions]
    return next((digest for answer in shown if (digest := kept_digest(store, answer))), None)


def _target(folder: Path, file: Path) -> Path:
    """Return the path of a file's digest; if the name is too long, its end is replaced by a hash."""
    name = os.fsencode(file.name)
    if len(name) > _LONGEST_NAME:
        cut = name[:_CUT_NAME].decode(errors="ignore")
        return folder / DIGESTS / f"{cut}-{hashlib.sha256(name).hexdigest()[:8]}.md"
    return folder / DIGESTS / f"{file.name}.md"


def _made_from(digest: Path) -> str | None:
    """Return the hash of the content a digest was made from; empty if there is no file, None if it was not written by
    Parley.
    """
    try:
        with digest.open("rb") as stream:
            found = _MADE_FROM.match(stream.read(_FIRST_LINE))
    except FileNotFoundError:
        return ""
    return found[1].decode() if found else None


def _page(file: Path, digest: Digest, print_of: str) -> bytes:
    body = printable(render(digest, "markdown")) or "Nothing in it needs telling."
    title = one_line(digest.title)
    heading = f"# {one_line(file.name)}" + (f": {title}" if title else "")
    return f"<!-- made by Parley from sha256:{print_of} -->\n{heading}\n\n{body}\n".encode()
