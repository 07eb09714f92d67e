"""Choices for the next answer: task, mode, drafts, decoding, length and every generation setting.

Each choice offers values, and returns a changed Ask.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, cast, get_type_hints

import msgspec

from assistant.engine.protocol import check_settings
from assistant.errors import UsageError
from assistant.prompts import MODES, TASKS
from assistant.records import Ask, Decoding, GenerationSettings, Record, Task
from assistant.settings import describe_values
from assistant.tui.wording.labels import LABELS

DRAFT_COUNTS = (1, 2, 3, 4, 6, 8)
NONE = "none"
"""The text for an unset number."""


class Offer(Record, frozen=True):
    """One value to choose, with its label and a short description."""

    value: str
    label: str
    about: str = ""


class Choice(NamedTuple):
    """A choice. `current` reads its value from an Ask, `change` returns the Ask with another value.

    `free` says what else may be typed; if it is empty, only the offers are allowed.
    """

    title: str
    label: str
    offers: Sequence[Offer]
    current: Callable[[Ask], str]
    change: Callable[[Ask, str], Ask]
    free: str = ""


def choose_value(ask: Ask, name: str, value: str) -> Ask:
    """Return the Ask with one choice changed. Raises UsageError for a value that is not offered or out of range."""
    choice = CHOICES[name]
    values = [offer.value for offer in choice.offers]
    if value not in values and not choice.free:
        raise UsageError(f"no {name} called {value!r}; there are {', '.join(values)}")
    changed = choice.change(ask, value)
    check_settings(drawn(changed).settings)
    return changed


def drawn(ask: Ask) -> Ask:
    """The Ask as the model gets it: several drafts are always sampled.

    The results of a beam search differ by a word or two, which nobody can rank. The Ask itself keeps the decoding that
    was chosen.
    """
    return _with_settings(ask, decoding="sample") if ask.settings.drafts > 1 else ask


def changes(ask: Ask, default: Ask) -> list[str]:
    """The values of an Ask that differ from the default, in words: "4 drafts", "mode few-shot"."""
    values = [(name, choice, choice.current(ask)) for name, choice in CHOICES.items()]
    return [
        f"{value} {choice.label}" if name in ("drafts", "words") and value != NONE else f"{choice.label} {value}"
        for name, choice, value in values
        if value != choice.current(default)
    ]


def sampled(ask: Ask) -> Ask:
    """The Ask with sampling and a random seed."""
    return _with_settings(ask, decoding="sample", seed=None)


def _with_settings(ask: Ask, **values: Any) -> Ask:
    return msgspec.structs.replace(ask, settings=msgspec.structs.replace(ask.settings, **values))


def _with_task(ask: Ask, value: str) -> Ask:
    return msgspec.structs.replace(ask, task=cast(Task, value), phrasing=None)


def _with_mode(ask: Ask, value: str) -> Ask:
    return msgspec.structs.replace(ask, mode=value)


def _with_words(ask: Ask, value: str) -> Ask:
    words = _number("words", value, int | None)
    if words is not None and words < 1:
        raise UsageError("an answer has at least one word")
    return msgspec.structs.replace(ask, words=words)


def _with_drafts(ask: Ask, value: str) -> Ask:
    return _with_settings(ask, drafts=int(value))


def _with_decoding(ask: Ask, value: str) -> Ask:
    return _with_settings(ask, decoding=cast(Decoding, value))


def _with_number(ask: Ask, value: str, *, name: str) -> Ask:
    kind = get_type_hints(GenerationSettings)[name]
    return _with_settings(ask, **{name: _number(name, value, kind)})


def _number(name: str, value: str, kind: Any) -> Any:
    try:
        return msgspec.convert(None if value == NONE else value, kind, strict=False)
    except msgspec.ValidationError:
        key = f"generation.{name}"
        raise UsageError(f"{LABELS[key].name} takes {describe_values(key)}, not {value!r}") from None


def _number_choice(name: str, values: Sequence[str], about: str) -> Choice:
    def current(ask: Ask) -> str:
        value = getattr(ask.settings, name)
        return NONE if value is None else f"{value:g}"

    offers = [Offer(value=value, label=value) for value in values]
    label = LABELS[f"generation.{name}"].name.rpartition(": ")[2]
    return Choice(about, label, offers, current, partial(_with_number, name=name), free="or another number")


def task_label(ask: Ask) -> str:
    """The label of what will be written. Several drafts are a model's summaries, never digests."""
    if ask.task == "digest":
        return "Digest" if ask.settings.drafts == 1 else TASKS["summary"].label
    return TASKS[ask.task].label


CHOICES: dict[str, Choice] = {
    "task": Choice(
        "What to write",
        "write",
        [
            Offer(value="digest", label="Digest", about="quotes, decisions, to-dos, open questions"),
            *[Offer(value=name, label=task.label) for name, task in TASKS.items() if not task.takes_request],
        ],
        lambda ask: ask.task,
        _with_task,
    ),
    "mode": Choice(
        "How to ask",
        "mode",
        [Offer(value=mode.name, label=mode.label, about=mode.description) for mode in MODES.values()],
        lambda ask: ask.mode,
        _with_mode,
    ),
    "words": Choice(
        "How many words to aim at",
        "words",
        [Offer(value=NONE, label="as many as it takes"), *[Offer(value=n, label=n) for n in ("10", "20", "40", "80")]],
        lambda ask: str(ask.words or NONE),
        _with_words,
        free="or another number",
    ),
    "drafts": Choice(
        "How many drafts",
        "drafts",
        [
            Offer(value=str(count), label=f"{count}", about="to compare and rank" * (count > 1))
            for count in DRAFT_COUNTS
        ],
        lambda ask: str(ask.settings.drafts),
        _with_drafts,
    ),
    "decoding": Choice(
        "How tokens are chosen",
        "decoding",
        [
            Offer(value="greedy", label="Greedy", about="the likeliest token each time; the answer streams in"),
            Offer(value="beam", label="Beam search", about="the likeliest text; appears when it is complete"),
            Offer(value="sample", label="Sampling", about="at random; differs every time"),
        ],
        lambda ask: ask.settings.decoding,
        _with_decoding,
    ),
    "beams": _number_choice("beams", ("2", "4", "6", "8"), "Beams of a beam search"),
    "temperature": _number_choice(
        "temperature", ("0.3", "0.7", "1", "1.3"), "Below 1 more predictable, above 1 more surprising"
    ),
    "top_k": _number_choice("top_k", ("0", "10", "50"), "Sample among the k likeliest tokens; 0 for all"),
    "top_p": _number_choice(
        "top_p", ("0.8", "0.9", "1"), "Sample among the likeliest tokens with this total probability"
    ),
    "max_new_tokens": _number_choice("max_new_tokens", ("32", "64", "128", "256"), "Longest answer in tokens"),
    "min_new_tokens": _number_choice("min_new_tokens", ("1", "16", "32"), "Shortest answer in tokens"),
    "repetition_penalty": _number_choice(
        "repetition_penalty", ("1", "1.1", "1.3"), "Above 1, tokens already written become less likely"
    ),
    "no_repeat_ngram": _number_choice(
        "no_repeat_ngram", ("0", "3", "4"), "No run of this many tokens occurs twice; 0 for off"
    ),
    "length_penalty": _number_choice(
        "length_penalty", ("0.8", "1", "1.5"), "Beam search: above 1 longer, below 1 shorter texts"
    ),
    "seed": _number_choice("seed", (NONE, "1", "2", "3"), "Sampling: the same seed writes the same text"),
}

SAMPLING_ONLY = frozenset({"temperature", "top_k", "top_p", "seed"})
BEAM_ONLY = frozenset({"beams", "length_penalty"})


def counts(name: str, ask: Ask) -> bool:
    """Whether the choice has an effect with the Ask's decoding."""
    decoding = drawn(ask).settings.decoding
    return not (name in SAMPLING_ONLY and decoding != "sample") and not (name in BEAM_ONLY and decoding != "beam")
