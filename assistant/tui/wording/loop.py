"""The state of the loop on one line: "42 ratings → 118 pairs → reward 0.68 → v7 (54.9 % [51, 59])"."""

from typing import TYPE_CHECKING

import msgspec

from assistant.errors import AssistantError
from assistant.records import Record
from assistant.settings import Settings

if TYPE_CHECKING:
    from assistant.feedback.store import Store


class LoopState(Record, frozen=True):
    """The state of the loop.

    `reward` is the reward model's accuracy on held-out pairs, `version` the promoted model, and `gate` its win rate.
    Each is empty if there is none yet.
    """

    ratings: int = 0
    pairs: int = 0
    reward: str = ""
    version: str = ""
    gate: str = ""


def read_loop(store: "Store") -> LoopState:
    """Count the judgements and their pairs, and find the promoted model. Too slow for the screen's thread."""
    from assistant.models.registry import promoted_ref

    stats = store.stats()
    state = LoopState(ratings=stats.up + stats.down + stats.rankings, pairs=stats.pairs)
    try:
        version = promoted_ref()
    except AssistantError:
        return state  # the line with the model reports this error
    return msgspec.structs.replace(state, version=version or "", **_proof_of(version)) if version else state


def _proof_of(version: str) -> dict[str, str]:
    """The accuracy of the version's reward model, and its win rate at the gate; empty if it went through no gate."""
    from assistant.models.proof import read_promotion
    from assistant.models.registry import resolve

    try:
        document = read_promotion(resolve(version, Settings()))
        checks = {check["name"]: check for check in (document.get("gate") or {"checks": []})["checks"]}
        reward = f"{document['reward']['accuracy']:.2f}"
    except (AssistantError, KeyError, TypeError, ValueError):
        return {}
    win = checks.get("win rate")
    if not win or win["value"] is None or not win["ci"]:
        return {"reward": reward}
    low, high = win["ci"]
    return {"reward": reward, "gate": f"{win['value'] * 100:.1f} % [{low * 100:.0f}, {high * 100:.0f}]"}


def describe_loop(state: LoopState, room: int) -> str:
    """The line in the longest form that fits the room (in cells); empty if nothing was judged yet."""
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
