"""Opens the user's knowledge base as the settings say, and puts its errors as the program's own."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from assistant.errors import AssistantError, reported_as_ours
from assistant.locations import conversions_dir, knowledge_dir
from assistant.models.embedders import embedder_folder
from assistant.settings import KnowledgeSettings
from knowledge.errors import KnowledgeError
from knowledge.library import Library
from knowledge.search.embedder import Embedder
from knowledge.search.encoder import Encoder
from knowledge.search.opening import MINILM, open_embedder, source_of
from knowledge.storage.catalog import explained as sql_explained


@contextmanager
def open_library(
    settings: KnowledgeSettings, on_note: Callable[[str], None] = lambda sentence: None, folder: Path | None = None
) -> Iterator[Library]:
    """The knowledge base; its embedder is loaded when it is first needed. `on_note` is told what takes long. Its errors
    leave as the program's own.
    """
    with explained():
        library = Library(folder or knowledge_dir(), lambda: _open(settings, on_note), reranker=settings.reranker)
        try:
            with sql_explained(library.catalog.path):
                yield library
        finally:
            library.close()


def prepare_embedder(ref: str, on_note: Callable[[str], None] = lambda sentence: None) -> Path | None:
    """Make the embedder ready to be used, and return its conversion, None for one that needs none."""
    settings = KnowledgeSettings(embedder=ref)
    with explained():
        source = source_of(ref, conversions_dir(), _folder(settings))
        _open(settings, on_note)
    return source.place if source else None


def embedder_state(settings: KnowledgeSettings) -> str:
    """Which embedder reads the documents and what it computes in, one line. It is opened only where it is prepared."""
    name, wanted = settings.embedder, settings.precision
    try:
        with explained():
            source = source_of(name, conversions_dir(), _folder(settings))
            if source is None:
                return f"{name}, opened when documents are read"
            if not source.is_converted:
                return f"{name}, prepared when documents are first read"
            used = Encoder(source, compute_type=wanted).compute_type
    except AssistantError as error:
        return str(error)
    return f"{name} as {used}" + ("" if used == wanted else f": {wanted} is not exact enough on this processor")


def _open(settings: KnowledgeSettings, on_note: Callable[[str], None]) -> Embedder:
    return open_embedder(
        settings.embedder,
        conversions_dir(),
        folder=_folder(settings),
        compute_type=settings.precision,
        on_convert=lambda: on_note("Preparing the embedder, once: ten seconds or more."),
    )


def _folder(settings: KnowledgeSettings) -> Path | None:
    """Where the embedder is that the settings name, None for the bundled one."""
    return None if settings.embedder == MINILM else embedder_folder(settings.embedder)


def explained() -> AbstractContextManager[None]:
    """An error of the knowledge base as one for the user, with the same exit code."""
    return reported_as_ours(KnowledgeError)
