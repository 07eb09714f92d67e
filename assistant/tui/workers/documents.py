"""The user's documents in the app: asked, searched and indexed in threads, one task at a time. Results are messages."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from assistant.engine.protocol import Piece
from assistant.errors import DataMissing, Interrupted
from assistant.records import Answer
from assistant.settings import KnowledgeSettings
from assistant.terminal import printable
from assistant.tui.messages import (
    AnswerFinished,
    AnswerGrew,
    DocumentsChanged,
    DocumentsMissed,
    IndexingProgressed,
    PassageOpened,
    PassagesFound,
    Root,
    Source,
    SourcesFound,
)

if TYPE_CHECKING:
    from assistant.answering import DocumentAnswer
    from assistant.answering.answers import Citation
    from assistant.conversation import Assistant
    from assistant.records import Completion
    from knowledge.documents import Hit
    from knowledge.library import Library, Progress

Post = Callable[[Message], object]

NOT_THERE = "Not in your documents."
NONE_YET = "There are no documents yet: press F8 to add a file or folder."
STILL_INDEXING = "Not in what is indexed so far: ask again when it is done (F8)."

NEWS_SECONDS = 0.1
"""The least time between two reports of progress."""
STATE_SECONDS = 2.0
"""The least time between two reports of the folders' state, for which all files are counted."""


class Documents:
    """One knowledge base. Every method except `stop` may block: call it from a thread."""

    def __init__(self, settings: Callable[[], KnowledgeSettings], say: Callable[[str], None]) -> None:
        self._settings = settings
        self._say = say
        self._lock = threading.Lock()
        self._open: ExitStack | None = None
        self._library: Library | None = None
        self._opened_with: KnowledgeSettings | None = None
        self._stopping = self._is_indexing = False
        self._in_full: dict[str, str] = {}
        self._follower: Post = lambda news: None
        self._news = IndexingProgressed(None)

    def ask(self, assistant: "Assistant", number: int, question: str, previous: str, mode: str, post: Post) -> None:
        """Answer a question. Posts the passages found, then the text, then the sources of its sentences.

        `previous` is the question before it in the chat.
        """
        from assistant.answering import DocumentAnswer, Found, answer_question

        with self._used() as library:
            before = self._in_full.get(previous, previous)
            for news in answer_question(assistant, library, question, mode=mode, previous=before):
                if isinstance(news, Found):
                    post(SourcesFound(number, tuple(_passage_source(hit) for hit in news.hits), is_final=False))
                elif isinstance(news, DocumentAnswer):
                    self._in_full[question] = news.question
                    _conclude(number, news, self._why_missed(library), post)
                elif isinstance(news, Piece):
                    post(AnswerGrew(number, news.text))

    def _why_missed(self, library: "Library") -> str:
        """What is said where the answer was not found."""
        if self._is_indexing:
            return STILL_INDEXING
        return NOT_THERE if library.catalog.passage_count() else NONE_YET

    def search(self, words: str, post: Post) -> None:
        """Find passages, and post them."""
        with self._used() as library:
            result = library.search(words, k=8)
            sources = tuple(_passage_source(hit) for hit in result.hits)
            post(PassagesFound(words, sources, is_likely=result.answerable))

    def tell_state(self, post: Post) -> None:
        """Post the indexed folders and their state."""
        with self._used() as library:
            post(DocumentsChanged(_roots(library), sum(not file.reason for file in library.files())))

    def follow(self, post: Post) -> None:
        """Post further progress only to this receiver: a screen may be closed and reopened during indexing."""
        self._follower = post
        self.tell_state(post)
        post(self._news)

    def add(self, path: str) -> None:
        """Index a file or folder, and include it in later updates."""
        with self._indexing() as (library, on_progress):
            library.add([Path(path)], on_progress)

    def update(self) -> None:
        """Index what is new or changed."""
        with self._indexing() as (library, on_progress):
            library.update(on_progress)

    def remove(self, path: str, post: Post, *, purge: bool) -> None:
        """Remove a folder from the index; `purge` also blanks its text in stored answers."""
        from assistant.feedback.store import Store

        with self._used() as library:
            result = library.remove([Path(path)], purge=purge)
            if purge:
                with Store.open() as store:
                    store.blank_passages(result.texts)
        self._say(f"Forgot {result.files} files.")
        self.tell_state(post)

    def open_source(self, source: Source, post: Post) -> None:
        """Post the document's text around a place."""
        with self._used() as library:
            text, _, _ = library.context(source.passage_id)
            post(PassageOpened(source, text))

    def sources_of(self, completion: "Completion") -> tuple[Source, ...]:
        """The passages behind a stored answer that still exist; for a quotation, its sentence. Raises DataMissing if
        none does.
        """
        found = []
        with self._used() as library:
            for id in completion.passage_ids:
                passage = library.catalog.passage(id)
                if passage is None:
                    continue
                at = passage.text.find(completion.answer) if completion.answer else -1
                start, text = (at, completion.answer) if at >= 0 else (0, passage.text)
                start += passage.start
                found.append(
                    Source(
                        passage_id=id,
                        document=passage.path,
                        page=passage.page,
                        place=passage.place,
                        start=start,
                        end=start + len(text),
                        text=text,
                    )
                )
        if not found:
            raise DataMissing("its documents were removed or have changed since")
        return tuple(found)

    def stop(self) -> None:
        """Stop indexing after the current file; what was read is kept."""
        self._stopping = True

    def close(self) -> None:
        """Close the catalog, unless a thread still uses it: the program is about to end anyway."""
        self._stopping = True
        if self._lock.acquire(timeout=0.5):
            self._close()
            self._lock.release()

    @contextmanager
    def _used(self) -> "Iterator[Library]":
        """The library, for one thread at a time; reopened if the settings have changed."""
        from assistant.answering import explained, open_library

        with self._lock, explained():
            settings = self._settings()
            if self._library is None or settings != self._opened_with:
                self._close()
                self._open = ExitStack()
                self._library = self._open.enter_context(open_library(settings, self._say))
                self._opened_with = settings
            yield self._library

    @contextmanager
    def _indexing(self) -> "Iterator[tuple[Library, Callable[[Progress], None]]]":
        """A separate library, so that questions can be answered meanwhile, and a callback that posts progress to the
        follower.
        """
        from assistant.answering import open_library

        self._stopping, self._is_indexing = False, True
        told = counted = 0.0

        def on_progress(progress: "Progress") -> None:
            nonlocal told, counted
            if self._stopping:
                raise Interrupted("stopped: what was read so far is kept")
            now = time.monotonic()
            if now - told > NEWS_SECONDS or progress.files_done == progress.files_total:
                told = now
                self._tell(progress)
            if now - counted > STATE_SECONDS:
                counted = now
                self.tell_state(self._follower)

        try:
            with open_library(self._settings(), self._say) as library:
                yield library, on_progress
        finally:
            self._is_indexing = False
            self._tell(None)
            self.tell_state(self._follower)

    def _tell(self, progress: "Progress | None") -> None:
        self._news = IndexingProgressed(progress)
        self._follower(self._news)

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = self._library = None


def _conclude(number: int, answer: "DocumentAnswer", why_missed: str, post: Post) -> None:
    """Post the answer and its sources, or why there is none."""
    if answer.completion is None:
        post(DocumentsMissed(number, tuple(_cited_source(citation) for citation in answer.nearest), why_missed))
        return
    shown = answer.citations or answer.nearest
    said = [(sentence.text, sentence.citation) for sentence in answer.sentences]
    if answer.preface:
        said[0] = (f"{answer.preface} {said[0][0]}", said[0][1])
    marks = tuple(said)
    post(AnswerFinished(number, Answer(drafts=(answer.completion,))))
    post(SourcesFound(number, tuple(_cited_source(citation) for citation in shown), is_final=True, marks=marks))


def _passage_source(hit: "Hit") -> Source:
    return Source(
        passage_id=hit.passage_id,
        document=hit.document,
        page=hit.page,
        start=hit.start,
        end=hit.end,
        text=hit.text,
        place=hit.place,
    )


def _cited_source(citation: "Citation") -> Source:
    return Source(
        passage_id=citation.passage_id,
        document=citation.document,
        page=citation.page,
        start=citation.start,
        end=citation.end,
        text=citation.text,
        place=citation.place,
    )


def _roots(library: "Library") -> tuple[Root, ...]:
    files = library.files()
    roots = []
    for root in library.catalog.roots():
        inside = [file for file in files if Path(file.path).is_relative_to(root)]
        skipped = [f"{printable(Path(file.path).name)}: {file.reason}" for file in inside if file.reason]
        passages = sum(file.passages for file in inside)
        roots.append(Root(str(root), len(inside) - len(skipped), passages, tuple(skipped), root.exists()))
    return tuple(roots)
