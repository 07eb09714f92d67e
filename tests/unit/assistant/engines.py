"""Helpers for the engine's tests: the tiny model as a version, settings, and waiting with a limit."""

import time
from collections.abc import Callable
from pathlib import Path

from assistant.records import GenerationSettings, ModelVersion
from tests.tiny_models import LESSONS

SOURCES = list(LESSONS)
GREEDY = GenerationSettings(decoding="greedy", max_new_tokens=30, no_repeat_ngram=0)
ENDLESS = GenerationSettings(decoding="greedy", max_new_tokens=50_000, min_new_tokens=50_000, no_repeat_ngram=0)
"""Writes for about a minute, so that there is always something left to cancel."""
ENDLESS_BEAMS = GenerationSettings(beams=4, max_new_tokens=5_000, min_new_tokens=5_000, no_repeat_ngram=0)


def version_of(folder: Path) -> ModelVersion:
    return ModelVersion(ref=str(folder), folder=str(folder), kind="path")


def wait_until(is_so: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.005)
