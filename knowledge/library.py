"""The library keeps the user's folders searchable. It finds new, changed, moved and deleted files, reads them, and
stores them one by one.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from knowledge.chunking import chunk
from knowledge.documents import Document, File, Filters, Record, SearchResult, content_hash
from knowledge.errors import DocumentUnreadable, EmbedderChanged, NotFound
from knowledge.files import read_steady, writer_lock
from knowledge.loaders import LOADERS, suffix_of
from knowledge.reading import read
from knowledge.scanning import Found, scan
from knowledge.search.embedder import Embedder, PassageVectors, passage_text
from knowledge.search.reranker import open_reranker
from knowledge.search.retriever import Retriever
from knowledge.storage.catalog import Catalog, explained

MOST_BYTES = 128 * 2**20
"""Larger files are skipped: they are logs and dumps, and reading one takes several times its size in memory."""
_SLICE = 32
"""The number of passages embedded between progress reports: one batch of whole passages and some of their windows, 4 s
on a busy core.
"""
_EMBEDDER_KEY = "embedder"


class Skipped(Record, frozen=True):
    """A file that was not read, and why."""

    path: str
    reason: str


class Progress(Record, frozen=True):
    """The progress of an update. `share` is the part of the bytes read, 0 to 1; `seconds_left` is None until it can be
    estimated.
    """

    path: str
    files_done: int
    files_total: int
    share: float
    passages: int
    passages_per_second: float
    seconds_left: float | None


class UpdateResult(Record, frozen=True):
    """What an update did. `unsupported` counts files that no loader reads, by suffix."""

    added: int
    changed: int
    moved: int
    deleted: int
    unchanged: int
    passages: int
    seconds: float
    skipped: tuple[Skipped, ...]
    unsupported: dict[str, int]


class RemoveResult(Record, frozen=True):
    """What a removal deleted. `texts` are the passages no longer in any file, by id, for blanking them elsewhere."""

    files: int
    documents: int
    texts: dict[str, str]


OnProgress = Callable[[Progress], None]


class Library:
    """The knowledge base in a folder. `open_embedder` is only called when text must first be embedded; `reranker` names
    a cross-encoder that orders the best passages, empty for none.
    """

    def __init__(self, folder: Path, open_embedder: Callable[[], Embedder], *, reranker: str = "") -> None:
        self.folder = folder
        self._reranker = reranker
        self.catalog = Catalog(folder / "catalog.db")
        self._open_embedder = open_embedder
        self._embedder: Embedder | None = None
        self._retriever: Retriever | None = None

    def close(self) -> None:
        """Close the catalog."""
        self.catalog.close()

    def embedder(self) -> Embedder:
        """Return the embedder. Raises EmbedderChanged if the stored vectors are from another one."""
        if self.is_of_another_embedder():
            stored, found = self.catalog.meta(_EMBEDDER_KEY), self._opened().identity
            raise EmbedderChanged(
                f"the documents were indexed with {stored}, not with {found}: go back to that embedder, or index them"
                " anew with `assistant knowledge update --rebuild`"
            )
        return self._opened()

    def is_of_another_embedder(self) -> bool:
        """Whether the stored vectors are from another embedder, so that a rebuild is necessary."""
        return self.catalog.meta(_EMBEDDER_KEY) not in ("", self._opened().identity)

    def _opened(self) -> Embedder:
        if self._embedder is None:
            self._embedder = self._open_embedder()
        return self._embedder

    def add(self, paths: Iterable[Path], on_progress: OnProgress | None = None) -> UpdateResult:
        """Add files and folders to this and all later updates. Raises NotFound."""
        roots = [Path(path).expanduser().resolve() for path in paths]
        for root in roots:
            if not root.exists():
                raise NotFound(f"no such file or folder: {root}")
        with self._writing():
            known = self.catalog.roots()
            excluded = {path for path in self.catalog.excluded() if not any(_related(path, str(r)) for r in roots)}
            self.catalog.set_roots([*known, *roots], excluded)
            return self._update(on_progress)

    def update(self, on_progress: OnProgress | None = None, *, rebuild: bool = False) -> UpdateResult:
        """Update the catalog to the state of the folders. `rebuild` reads and embeds everything again."""
        with self._writing():
            if rebuild:
                self.catalog.clear()
                self.catalog.set_meta(_EMBEDDER_KEY, "")
            return self._update(on_progress)

    def remove(self, paths: Iterable[Path], *, purge: bool = False) -> RemoveResult:
        """Remove files and folders. `purge` also rewrites the catalog, so that nothing of them remains on disk."""
        # A deleted file or a link is removed by its name in the catalog.
        gone = {str(Path(path).expanduser().resolve()) for path in paths}
        gone |= {os.path.abspath(os.path.expanduser(path)) for path in paths}  # noqa: PTH100, PTH111
        with self._writing():
            roots, known = self.catalog.roots(), self.catalog.files()
            files = [path for path in known if any(_below(path, place) for place in gone)]
            if not files and not any(str(root) in gone for root in roots):
                raise NotFound(
                    f"not in the knowledge base: {', '.join(sorted(gone))}; `assistant knowledge list` shows what is"
                )
            kept = [root for root in roots if not any(_below(str(root), place) for place in gone)]
            inside = {place for place in gone if any(_below(place, str(root)) for root in kept)}
            self.catalog.set_roots(kept, self.catalog.excluded() | inside)
            self.catalog.forget_files(files)
            texts = self.catalog.orphan_texts()
            documents = self.catalog.drop_orphans()
            if purge:
                self.catalog.blank_deleted()
                (self.folder / "index.faiss").unlink(missing_ok=True)
        return RemoveResult(files=len(files), documents=documents, texts=texts)

    def search(self, query: str, k: int = 5, filters: Filters | None = None) -> SearchResult:
        """Return the passages that best answer the query, and whether they are likely to. Deleted files are excluded
        even before an update.
        """
        with explained(self.catalog.path):
            result = self.retriever().search(query, k, filters)
            if all(map(os.path.exists, {hit.document for hit in result.hits})):
                return result
            gone = frozenset(path for path in self.catalog.files() if not os.path.exists(path))  # noqa: PTH110
            return self.retriever().search(query, k, msgspec.structs.replace(filters or Filters(), without=gone))

    def retriever(self) -> Retriever:
        """Return the retriever, which follows changes to the catalog by other processes, except a change of the
        embedder.
        """
        embedder = self.embedder()
        if self._retriever is None:
            reranker = open_reranker(self._reranker) if self._reranker else None
            self._retriever = Retriever(self.catalog, embedder, self.folder / "index.faiss", reranker)
        return self._retriever

    def files(self) -> list[File]:
        """Return every file that was read or skipped, by path."""
        with explained(self.catalog.path):
            return list(self.catalog.files().values())

    def context(self, passage_id: str) -> tuple[str, int, int]:
        """Return the whole text of the passage's document, and the passage's span in it. Raises NotFound."""
        with explained(self.catalog.path):
            passage = self.catalog.passage(passage_id)
            if passage is None:
                raise NotFound(f"no passage {passage_id}: its document was removed or has changed")
            return self.catalog.text_of(passage.document), passage.start, passage.end

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with writer_lock(self.folder / "writer.lock"), explained(self.catalog.path):
            yield

    def _update(self, on_progress: OnProgress | None) -> UpdateResult:
        started = time.monotonic()
        known = self.catalog.files()
        excluded = self.catalog.excluded()
        found = scan(self.catalog.roots(), LOADERS.keys(), excluded, suffix_of)
        files = {path: file for path, file in found.files.items() if path not in excluded}
        vanished = [path for path in known if path not in files]
        if vanished:
            # First, so that a deleted file stops answering while others are still being read.
            self.catalog.forget_files(vanished)
        pending = [file for file in files.values() if not _is_same(file, known.get(file.path))]
        pass_ = _Pass(self, known, {known[path].document for path in vanished}, pending, on_progress)
        for file in pending:
            pass_.take(file)
        self.catalog.drop_orphans()
        if pending or vanished:
            self._save_index()
        read = self.catalog.files().values()
        return UpdateResult(
            added=pass_.added,
            changed=pass_.changed,
            moved=pass_.moved,
            deleted=len(vanished) - min(pass_.moved, len(vanished)),
            unchanged=len(files) - len(pending) + pass_.touched,
            passages=pass_.passages,
            seconds=time.monotonic() - started,
            skipped=tuple(Skipped(path=file.path, reason=file.reason) for file in read if file.reason),
            unsupported=found.unsupported,
        )

    def _save_index(self) -> None:
        if self.catalog.passage_count():
            self.retriever().save()


class _Pass:
    """One pass over the files that differ from the catalog."""

    def __init__(
        self,
        library: Library,
        known: dict[str, File],
        vanished: set[int | None],
        pending: list[Found],
        on_progress: OnProgress | None,
    ) -> None:
        self.added = self.changed = self.moved = self.touched = self.passages = 0
        self._library = library
        self._known = known
        self._vanished = vanished - {None}
        self._pending = pending
        self._on_progress = on_progress
        self._embedding_since: float | None = None
        self._files_done = 0
        self._bytes_done = 0
        self._bytes_total = sum(map(_readable_bytes, pending))

    def take(self, found: Found) -> None:
        """Read a file and store it, or the reason why it was skipped."""
        self._report(found, 0.0)
        passages = self.passages
        file = File(path=found.path, size=found.size, mtime_ns=found.mtime_ns, document=None)
        try:
            if found.reason:
                raise DocumentUnreadable(found.reason)
            self._read(found, file)
        except DocumentUnreadable as error:
            # A file that was changing is read again next time, whatever its time says.
            mtime_ns = -1 if "changed while" in str(error) else found.mtime_ns
            file = msgspec.structs.replace(file, mtime_ns=mtime_ns, reason=str(error))
            self._library.catalog.put_file(file)
        self._files_done += 1
        if self.passages > passages:
            self._bytes_done += _readable_bytes(found)
        else:  # skipped or already known: it took no time, and does not help the estimate
            self._bytes_total -= _readable_bytes(found)
        self._report(found, 0.0)

    def _read(self, found: Found, file: File) -> None:
        catalog = self._library.catalog
        content = read_steady(Path(found.path), MOST_BYTES)
        # The same bytes in another format are another document.
        digest = content_hash(suffix_of(found.path).encode() + b"\n" + content)
        document = catalog.document_of(digest)
        before = self._known.get(found.path)
        if document is not None:
            catalog.put_file(msgspec.structs.replace(file, document=document))
        else:
            self._embed(found, file, digest, read(found.path, content))
        if before is not None:
            self.touched += before.document == document is not None
            self.changed += before.document != document or document is None
        elif document in self._vanished:
            self._vanished.discard(document)
            self.moved += 1
        else:
            self.added += 1

    def _embed(self, found: Found, file: File, digest: str, document: Document) -> None:
        catalog, embedder = self._library.catalog, self._library.embedder()
        self._embedding_since = self._embedding_since or time.monotonic()
        if not catalog.meta(_EMBEDDER_KEY):
            catalog.set_meta(_EMBEDDER_KEY, embedder.identity)
        document = msgspec.structs.replace(document, title=document.title or Path(found.path).stem.replace("_", " "))
        passages = chunk(document, embedder.count_tokens, budget(document, embedder))
        vectors: list[PassageVectors] = []
        for first in range(0, len(passages), _SLICE):
            texts = [passage_text(document.title, passage) for passage in passages[first : first + _SLICE]]
            vectors += embedder.embed_passages(texts)
            self.passages += len(texts)
            self._report(found, len(vectors) / len(passages))
        catalog.put(file, digest, document, passages, vectors)

    def _report(self, found: Found, share: float) -> None:
        """Report the progress. The time left is estimated by bytes, because the number of passages is not known in
        advance, and measured from the first text embedded, because opening the embedder takes as long as many files.
        """
        if self._on_progress is None:
            return
        seconds = max(time.monotonic() - self._embedding_since, 1e-6) if self._embedding_since else 1e-6
        done = self._bytes_done + share * _readable_bytes(found)
        self._on_progress(
            Progress(
                path=found.path,
                files_done=self._files_done,
                files_total=len(self._pending),
                share=done / self._bytes_total if self._bytes_total else 1.0,
                passages=self.passages,
                passages_per_second=self.passages / seconds,
                seconds_left=seconds * (self._bytes_total - done) / done if done and seconds > 0.5 else None,
            )
        )


def budget(document: Document, embedder: Embedder) -> int:
    """Return the tokens that a passage may have next to the title, its headings and the two special tokens of a
    sequence.
    """
    (title,) = embedder.count_tokens([document.title])
    return embedder.max_tokens - 2 - min(title + (24 if document.headings else 2), 40)


def _readable_bytes(found: Found) -> int:
    return 0 if found.reason or found.size > MOST_BYTES else found.size


def _is_same(found: Found, known: File | None) -> bool:
    return known is not None and (known.size, known.mtime_ns) == (found.size, found.mtime_ns)


def _below(path: str, place: str) -> bool:
    return path == place or path.startswith(place.rstrip(os.sep) + os.sep)


def _related(path: str, other: str) -> bool:
    return _below(path, other) or _below(other, path)
