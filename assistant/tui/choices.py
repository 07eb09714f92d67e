"""What can be chosen for the next answer: task, mode, drafts, decoding. Each choice offers values and turns an Ask into
another Ask. Knows no widget.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import msgspec

from assistant.errors import UsageError
from assistant.prompts import MODES, TASKS
from assistant.records import Ask, Decoding, Record, Task

DRAFT_COUNTS = (1, 2, 3, 4, 6, 8)


class Offer(Record, frozen=True):
    """One thing to choose: its value, how it is called, and a word or two about it."""

    value: str
    label: str
    about: str = ""


class Choice(NamedTuple):
    """`current` reads an Ask's value, `change` returns the Ask with another one."""

    title: str
    offers: Sequence[Offer]
    current: Callable[[Ask], str]
    change: Callable[[Ask, str], Ask]


def choose_value(ask: Ask, name: str, value: str) -> Ask:
    """The Ask with one choice changed; raises UsageError for a value that is not offered."""
    choice = CHOICES[name]
    values = [offer.value for offer in choice.offers]
    if value not in values:
        raise UsageError(f"no {name} called {value!r}; there are {', '.join(values)}")
    return choice.change(ask, value)


def sampled(ask: Ask) -> Ask:
    """The same question, drawn at random."""
    return msgspec.structs.replace(ask, settings=msgspec.structs.replace(ask.settings, decoding="sample", seed=None))


def _with_task(ask: Ask, value: str) -> Ask:
    return msgspec.structs.replace(ask, task=cast(Task, value), phrasing=None)


def _with_mode(ask: Ask, value: str) -> Ask:
    return msgspec.structs.replace(ask, mode=value)


def _with_drafts(ask: Ask, value: str) -> Ask:
    """Several drafts are sampled: the runners-up of a beam search differ by a word or two, which nobody can rank."""
    drafts = int(value)
    several = msgspec.structs.replace(ask, settings=msgspec.structs.replace(ask.settings, drafts=drafts))
    return sampled(several) if drafts > 1 else several


def _with_decoding(ask: Ask, value: str) -> Ask:
    settings = msgspec.structs.replace(ask.settings, decoding=cast(Decoding, value))
    if value == "greedy":
        settings = msgspec.structs.replace(settings, drafts=1)
    if value == "beam":
        settings = msgspec.structs.replace(settings, beams=max(settings.beams, settings.drafts))
    return msgspec.structs.replace(ask, settings=settings)


CHOICES: dict[str, Choice] = {
    "task": Choice(
        "What to write",
        [Offer(value=name, label=task.label) for name, task in TASKS.items()],
        lambda ask: ask.task,
        _with_task,
    ),
    "mode": Choice(
        "How to ask",
        [Offer(value=mode.name, label=mode.label, about=mode.description) for mode in MODES.values()],
        lambda ask: ask.mode,
        _with_mode,
    ),
    "drafts": Choice(
        "How many drafts",
        [
            Offer(value=str(count), label=f"{count}", about="to compare and rank" * (count > 1))
            for count in DRAFT_COUNTS
        ],
        lambda ask: str(ask.settings.drafts),
        _with_drafts,
    ),
    "decoding": Choice(
        "How the text is drawn",
        [
            Offer(value="greedy", label="Greedy", about="the likeliest word each time; the answer streams in"),
            Offer(value="beam", label="Beam search", about="the likeliest text; appears when it is complete"),
            Offer(value="sample", label="Sampling", about="at random; streams in, and differs every time"),
        ],
        lambda ask: ask.settings.decoding,
        _with_decoding,
    ),
}
