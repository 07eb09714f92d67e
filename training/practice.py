"""What a run of the loop practises on with a person's summary at hand: some teach beside the reward, others decide
which checkpoint is kept. Knows texts, no model.

Both are of the kind that the gate asks about and none of those that it asks: half of the user's own conversations that
have a summary, and the gate set's topics for practice.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from assistant.files import write_atomically
from training.gate_set import GateText, practice
from training.rated import prompt_of

Own = Sequence[tuple[str, str]]
"""Conversations of the user's, and their summaries, "" where there is none."""


class Practice(msgspec.Struct, frozen=True):
    """Prompts with the summary that a person wrote: those that teach, and those that choose."""

    teach: dict[str, str]
    choose: dict[str, str]


def asked_of(own: Own) -> list[tuple[str, str]]:
    """The user's conversations that are left for the gate: those without a summary, and half of the others."""
    practised = set(_practised(own))
    return [one for one in own if one not in practised]


def practice_of(own: Own, rated: Iterable[str], at_most: int, *, teaching: bool) -> Practice:
    """The user's other half and the gate set's topics for practice, of which `at_most` each may choose; where some are
    to teach, both are parted in two. What was rated is no practice: the reward has learnt from it.
    """
    known = set(rated)
    mine = [(prompt_of(dialogue), summary) for dialogue, summary in _practised(own)]
    mine = [(prompt, summary) for prompt, summary in mine if prompt not in known]
    topics = list(dict.fromkeys(text.cluster for text in practice()))
    apart = 2 if teaching else 1
    choosing = set(topics[::apart])
    choose = [*mine[::apart][:at_most], *_in_turn(text for text in practice() if text.cluster in choosing)[:at_most]]
    taught = [*mine[1::2], *_in_turn(text for text in practice() if text.cluster not in choosing)] if teaching else []
    return Practice(dict(taught), dict(choose))


def write_practice(found: Practice, place: Path) -> None:
    """Keep them as the run found them."""
    write_atomically(place, msgspec.json.encode(found))


def read_practice(place: Path) -> Practice:
    """What `write_practice` wrote."""
    return msgspec.json.decode(place.read_bytes(), type=Practice)


def write_anchor(found: Practice, place: Path) -> None:
    """Those that teach, as PPO's anchor reads them."""
    rows = (json.dumps({"prompt": prompt, "summary": summary}) for prompt, summary in found.teach.items())
    write_atomically(place, "".join(f"{row}\n" for row in rows).encode())


def _practised(own: Own) -> list[tuple[str, str]]:
    return [one for one in own if one[1]][::2]


def _in_turn(texts: Iterable[GateText]) -> list[tuple[str, str]]:
    """One of every topic before the second of any."""
    by_topic: dict[str, list[GateText]] = {}
    for text in texts:
        by_topic.setdefault(text.cluster, []).append(text)
    return [(prompt_of(text.dialogue), text.summary) for turn in zip(*by_topic.values(), strict=True) for text in turn]
