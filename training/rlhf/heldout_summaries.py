"""What a run of the loop practises on with a person's summary at hand: some teach beside the reward, others decide
which checkpoint is kept. Knows texts, no model.

Both are of the kind that the gate asks about and none of those that it asks: two thirds of the user's own conversations
that have a summary, and the gate set's topics for practice.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from assistant.files import write_atomically
from training.evaluation.gate_set import practice, provoking_practice
from training.rlhf.data_split import prompt_of

Own = Sequence[tuple[str, str]]
"""Conversations of the user's, and their summaries, "" where there is none."""


class Practice(msgspec.Struct, frozen=True):
    """Prompts with the summary that a person wrote: those that teach, and those that choose."""

    teach: dict[str, str]
    choose: dict[str, str]


def asked_of(own: Own) -> list[tuple[str, str]]:
    """The user's conversations that are left for the gate: those without a summary, and a third of the others."""
    practised = set(_practised(own))
    return [one for one in own if one not in practised]


def practice_of(own: Own, rated: Iterable[str], at_most: int, *, teaching: bool) -> Practice:
    """The user's other conversations and the gate set's topics for practice, of which `at_most` may choose, the user's
    up to half of these; where some are to teach, both are parted in two. Topics teach beside the user's summaries only:
    alone they would teach how long theirs are. What was rated is no practice: the reward has learnt from it.
    """
    known = set(rated)
    mine = [(prompt_of(dialogue), summary) for dialogue, summary in _practised(own)]
    mine = [(prompt, summary) for prompt, summary in mine if prompt not in known]
    topics = list(dict.fromkeys(text.cluster for text in practice()))
    apart = 2 if teaching and mine else 1
    choosing = set(topics[::apart])
    written = [(text.cluster in choosing, (prompt_of(text.dialogue), text.summary)) for text in practice()]
    chosen = mine[::apart][: at_most // 2]
    choose = [*chosen, *[one for chooses, one in written if chooses][: at_most - len(chosen)]]
    taught = [*mine[1::2], *(one for chooses, one in written if not chooses)] if apart > 1 else []
    return Practice(dict(taught), dict(choose))


def provoked(at_most: int) -> list[str]:
    """Prompts full of abuse to practise on, evenly over their templates: what harm costs is learnt where it is."""
    found = provoking_practice()
    return [prompt_of(found[n * len(found) // at_most].dialogue) for n in range(at_most)]


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
    return [one for number, one in enumerate(one for one in own if one[1]) if number % 3]
