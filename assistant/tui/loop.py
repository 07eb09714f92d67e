"""Where the loop stands, on one line: "42 ratings → 118 pairs → reward 0.68 → v7 (54.9 % [51, 59])".

Knows no widget.
"""

from typing import TYPE_CHECKING

from assistant.records import Record

if TYPE_CHECKING:
    from assistant.feedback.store import Store


class LoopState(Record, frozen=True):
    """`reward` is the last reward model's accuracy on pairs it never saw, `version` the promoted model and `gate` how
    often it was preferred; empty where there is none yet.
    """

    ratings: int = 0
    pairs: int = 0
    reward: str = ""
    version: str = ""
    gate: str = ""


def read_loop(store: "Store") -> LoopState:
    """Count what was judged, the pairs it makes, and look up what was promoted. Not for the screen's thread."""
    from assistant.models.registry import promoted_ref

    stats = store.stats()
    return LoopState(ratings=stats.up + stats.down + stats.rankings, pairs=stats.pairs, version=promoted_ref() or "")


def describe_loop(state: LoopState, room: int) -> str:
    """The line, in the longest of its forms that fits the room; empty where nothing was judged yet."""
    if not state.ratings and not state.version:
        return ""
    ratings = f"{state.ratings:,} {'rating' if state.ratings == 1 else 'ratings'}"
    pairs = f"{state.pairs:,} {'pair' if state.pairs == 1 else 'pairs'}"
    reward = f"reward {state.reward}" if state.reward else ""
    version = f"{state.version} ({state.gate})" if state.gate else state.version
    forms = (
        (ratings, pairs, reward, version),
        (ratings, pairs, state.reward, state.version),
        (f"{state.ratings:,}", f"{state.pairs:,}", state.version),
        (f"{state.ratings:,}", f"{state.pairs:,}"),
    )
    lines = [" → ".join(part for part in form if part) for form in forms]
    return next((line for line in lines if len(line) <= room), "")
