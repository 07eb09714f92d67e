"""The table of backends, which run models. A new one is a module with a `load` function and a row here."""

from collections.abc import Callable

from assistant.engine.protocol import Backend, OnProgress
from assistant.records import BackendName, ModelVersion

Loader = Callable[[ModelVersion, int, OnProgress], Backend]
"""Loads a model with the given number of threads (0: all cores). Raises ModelMissing or ModelDamaged."""


def _ctranslate(model: ModelVersion, threads: int, on_progress: OnProgress) -> Backend:
    from assistant.engine.ctranslate import load

    return load(model, threads, on_progress)


def _transformers(model: ModelVersion, threads: int, on_progress: OnProgress) -> Backend:
    from assistant.engine.transformers_backend import load

    return load(model, threads, on_progress)


# Each row imports its library only when called: importing torch takes longer than a small model's answer.
BACKENDS: dict[BackendName, Loader] = {"ctranslate": _ctranslate, "transformers": _transformers}
