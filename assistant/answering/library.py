"""Opens the user's knowledge base as the settings say, and puts its errors as the program's own."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from assistant.errors import reported_as_ours
from assistant.locations import conversions_dir, knowledge_dir
from assistant.settings import KnowledgeSettings
from knowledge.errors import EmbedderMissing, KnowledgeError
from knowledge.library import Library
from knowledge.search.embedder import MINILM, Embedder, is_prepared, open_embedder, open_minilm
from knowledge.storage.catalog import explained as sql_explained


@contextmanager
def open_library(
    settings: KnowledgeSettings, on_note: Callable[[str], None] = lambda sentence: None, folder: Path | None = None
) -> Iterator[Library]:
    """The knowledge base; its embedder is loaded when it is first needed. `on_note` is told what takes long. Its errors
    leave as the program's own.
    """

    def embedder() -> Embedder:
        return open_embedder(
            settings.embedder,
            conversions_dir(),
            compute_type=settings.precision,
            on_convert=lambda: on_note("Preparing the embedder, once: some ten seconds."),
        )

    with explained():
        library = Library(folder or knowledge_dir(), embedder, reranker=settings.reranker)
        try:
            with sql_explained(library.catalog.path):
                yield library
        finally:
            library.close()


def embedder_state(settings: KnowledgeSettings) -> str:
    """Which embedder reads the documents and what it computes in, one line. It is opened only where it is prepared."""
    if settings.embedder != MINILM:
        return f"{settings.embedder}, opened when documents are read"
    try:
        if not is_prepared(conversions_dir()):
            return f"{MINILM}, prepared when documents are first read"
        embedder = open_minilm(conversions_dir(), compute_type=settings.precision)
    except EmbedderMissing as error:
        return str(error)
    wanted, used = settings.precision, embedder.compute_type
    return f"{MINILM} as {used}" + ("" if used == wanted else f": {wanted} is not exact enough on this processor")


def explained() -> AbstractContextManager[None]:
    """An error of the knowledge base as one for the user, with the same exit code."""
    return reported_as_ours(KnowledgeError)
