"""Opens the user's knowledge base with the settings, and converts its errors."""

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
    """Open the knowledge base; its embedder is loaded when first needed. `on_note` receives notes about slow steps.
    Errors of the knowledge base become AssistantError.
    """
    with explained():
        library = Library(folder or knowledge_dir(), lambda: _open(settings, on_note), reranker=settings.reranker)
        try:
            with sql_explained(library.catalog.path):
                yield library
        finally:
            library.close()


def prepare_embedder(ref: str, on_note: Callable[[str], None] = lambda sentence: None) -> Path | None:
    """Prepare the embedder and return its conversion, None if it needs none."""
    settings = KnowledgeSettings(embedder=ref)
    with explained():
        source = source_of(ref, conversions_dir(), _folder(settings))
        _open(settings, on_note)
    return source.place if source else None


def embedder_state(settings: KnowledgeSettings) -> str:
    """Describe the embedder and its precision in one line. It is only opened if it is already prepared."""
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
    """Return the folder of the embedder in the settings, None for the bundled one."""
    return None if settings.embedder == MINILM else embedder_folder(settings.embedder)


def explained() -> AbstractContextManager[None]:
    """Convert errors of the knowledge base to AssistantError with the same exit code."""
    return reported_as_ours(KnowledgeError)
