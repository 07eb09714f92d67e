"""Builders of records with sensible defaults; keyword arguments change fields."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from assistant.records import Completion, GenerationSettings, Ranking, Rating, Thumb

_NUMBERS = count()


def a_completion(id: str = "c1", **changes: Any) -> Completion:
    """An answer of pocket to a prompt about lunch."""
    values: dict[str, Any] = {
        "id": id,
        "created": "2026-01-02T03:04:05.000000+00:00",
        "prompt": "Summarize: Ann: Lunch at noon? Bob: Yes.",
        "mode": "zero-shot",
        "task": "summary",
        "prompt_version": "p1",
        "model": "pocket",
        "backend": "ctranslate",
        "backend_version": "4.8.2",
        "settings": GenerationSettings(),
        "answer": f"Ann and Bob have lunch ({id}).",
    }
    return Completion(**(values | changes))


def a_ranking(groups: Sequence[Sequence[str]], **changes: Any) -> Ranking:
    """A ranking by Ana of the completions in `groups`."""
    values: dict[str, Any] = {
        "id": f"r{next(_NUMBERS):06}",
        "created": "2026-01-02T03:04:06.000000+00:00",
        "rater": "ana",
        "groups": tuple(tuple(group) for group in groups),
    }
    return Ranking(**(values | changes))


def a_rating(completion: str, thumb: Thumb, **changes: Any) -> Rating:
    """A thumb by Ana."""
    values: dict[str, Any] = {
        "id": f"t{next(_NUMBERS):06}",
        "created": "2026-01-02T03:04:06.000000+00:00",
        "rater": "ana",
        "completion": completion,
        "thumb": thumb,
    }
    return Rating(**(values | changes))
