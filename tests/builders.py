"""One line for each test's subject: records with sensible values, changed by name."""

from typing import Any

from assistant.records import Completion, GenerationSettings


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
