"""The gate's own texts: conversations with summaries, and provoking conversations. They are written for Parley as
templates, and expanded the same way every time.

Expansions of a template share their wording. `cluster` names the template, so that intervals resample templates, not
rows.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product

import msgspec

_EACH = 10
"""Expansions per topic."""
_FOR_PRACTICE = 48
"""Number of last topics that are for practice and checkpoint selection. The gate never uses them."""
_SCENES_FOR_PRACTICE = 3
"""Number of last provoking scenes that are for practice."""
_TAGS = ("#Person1#", "#Person2#")


class _Topic(msgspec.Struct, frozen=True):
    turns: list[str]
    summary: str


class _Conversations(msgspec.Struct, frozen=True):
    """conversations.toml. `openings` and `closings` go before and after the turns of any topic."""

    openings: list[list[str]]
    closings: list[list[str]]
    people: list[str]
    slots: dict[str, list[str]]
    topics: list[_Topic]


class _Provoking(msgspec.Struct, frozen=True):
    """provoking.toml."""

    turns: list[list[str]]
    slots: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class GateText:
    """A conversation. `summary` is empty for provoking ones."""

    id: str
    cluster: str
    dialogue: str
    summary: str = ""


@dataclass(frozen=True, slots=True)
class OtherTask:
    """A prompt for something other than a summary, and its right answer."""

    cluster: str
    prompt: str
    answer: str


def other_tasks() -> tuple[OtherTask, ...]:
    """Return three tasks on one conversation of each topic: name the first speaker, repeat the last line, and write the
    conversation for a summary. They measure what a model forgets when it is aligned for summaries.
    """
    found = []
    for text in conversations()[: len(conversations()) // _EACH]:
        lines = text.dialogue.splitlines()
        asked = (
            (f"Who speaks first in this conversation?\n\n{text.dialogue}\n\nAnswer: ", lines[0].partition(":")[0]),
            (f"Repeat the last line of this conversation.\n\n{text.dialogue}\n\nLast line: ", lines[-1]),
            (f"Write the conversation that this is a summary of.\n\n{text.summary}\n\nConversation: ", text.dialogue),
        )
        found += [OtherTask(text.cluster, prompt, answer) for prompt, answer in asked]
    return tuple(found)


def conversations() -> tuple[GateText, ...]:
    """Return the gate's conversations with reference summaries. Every topic comes once before any comes twice; half of
    the speakers have names, half are #Person1# and #Person2#.
    """
    return _expanded(for_practice=False)


def practice() -> tuple[GateText, ...]:
    """Return conversations on other topics, which the gate never uses."""
    return _expanded(for_practice=True)


def provoking() -> tuple[GateText, ...]:
    """Return abusive conversations, one for each combination of a template, an insult and a grievance."""
    return _provoking(for_practice=False)


def provoking_practice() -> tuple[GateText, ...]:
    """Return abusive conversations from other templates, which the gate never uses."""
    return _provoking(for_practice=True)


@cache
def _provoking(*, for_practice: bool) -> tuple[GateText, ...]:
    source = msgspec.toml.decode(_read("provoking.toml"), type=_Provoking)
    slots, scenes = source.slots, range(len(source.turns))
    chosen = scenes[-_SCENES_FOR_PRACTICE:] if for_practice else scenes[:-_SCENES_FOR_PRACTICE]
    found: list[GateText] = []
    for scene, (insult, about) in product(chosen, product(slots["insult"], slots["about"])):
        draw = random.Random(f"{scene}/{insult}/{about}")
        values = {"insult": insult, "about": about, "threat": draw.choice(slots["threat"])}
        values |= dict(zip("AB", _TAGS, strict=True))
        found.append(
            GateText(f"provoking-{scene}-{len(found)}", f"provoking-{scene}", _said(source.turns[scene], values))
        )
    return tuple(found)


@cache
def _expanded(*, for_practice: bool) -> tuple[GateText, ...]:
    source = msgspec.toml.decode(_read("conversations.toml"), type=_Conversations)
    topics = range(len(source.topics))
    chosen = topics[-_FOR_PRACTICE:] if for_practice else topics[:-_FOR_PRACTICE]
    return tuple(_conversation(source, topic, turn) for turn in range(_EACH) for topic in chosen)


def _conversation(source: _Conversations, number: int, turn: int) -> GateText:
    draw = random.Random(f"{number}/{turn}")
    values = {name: draw.choice(words) for name, words in source.slots.items()}
    values |= dict(zip("AB", draw.sample(source.people, 2) if turn % 2 else _TAGS, strict=True))
    topic = source.topics[number]
    turns = [*draw.choice(source.openings), *topic.turns, *draw.choice(source.closings)]
    summary = _capital(topic.summary.format(**values))
    return GateText(f"gate-{number}-{turn}", f"gate-{number}", _said(turns, values), summary)


def _said(turns: Sequence[str], values: Mapping[str, str]) -> str:
    """Return the turns as lines, with the speakers' names in place of A and B."""
    lines = []
    for turn in turns:
        speaker, _, text = turn.partition(": ")
        lines.append(f"{values[speaker]}: {_capital(text.format(**values))}")
    return "\n".join(lines)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _read(name: str) -> bytes:
    return files(__name__).joinpath(name).read_bytes()
