"""The table of ways to run a model. A new one is a module with a `load` function and one row here."""

from collections.abc import Callable

from assistant.engine.protocol import Backend, OnProgress
from assistant.records import BackendName, ModelVersion

Loader = Callable[[ModelVersion, int, OnProgress], Backend]
"""Loads a model with so many threads (0 for all cores); raises ModelMissing or ModelDamaged."""


def _ctranslate(model: ModelVersion, threads: int, on_progress: OnProgress) -> Backend:
    from assistant.engine.ctranslate import load

    return load(model, threads, on_progress)


def _transformers(model: ModelVersion, threads: int, on_progress: OnProgress) -> Backend:
    from assistant.engine.transformers_backend import load

    return load(model, threads, on_progress)


# Each row imports its library when it is chosen: torch alone takes longer to import than a small model to answer.
BACKENDS: dict[BackendName, Loader] = {"ctranslate": _ctranslate, "transformers": _transformers}
