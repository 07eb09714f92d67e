"""Blind trials: a version and another model answer the same conversations, and a person chooses the better answer."""

import random
from collections.abc import Callable, Iterable, Sequence

import msgspec

from assistant.dialogue import parse, render_turns
from assistant.drafting.writing import write
from assistant.engine.client import Engine
from assistant.engine.tokens import token_counter
from assistant.errors import DataMissing, UsageError
from assistant.feedback.store import Store
from assistant.locations import store_file
from assistant.models.proof import Trial, read_promotion
from assistant.models.registry import choose, choose_backend, promoted_ref, resolve
from assistant.models.versions import facts_of
from assistant.prompts import render
from assistant.records import GenerationSettings, ModelVersion, Record
from assistant.settings import Settings

_LOOKED_THROUGH = 2000
"""The number of newest answers in the store searched for conversations."""


class Pair(Record, frozen=True):
    """Two answers in the order shown; `ours` is the index of the version's answer, 0 or 1."""

    prompt: str
    texts: tuple[str, str]
    ours: int

    @property
    def is_same(self) -> bool:
        """Whether the answers are equal."""
        return self.texts[0] == self.texts[1]


def contestants(ref: str, against: str | None, settings: Settings) -> tuple[ModelVersion, ModelVersion]:
    """Return the version (`ref`, "" for the promoted one) and its opponent: by default the one that the version was
    trained to beat, else the current model, else the version's parent or base.

    Raises UsageError if the two are the same, and DataMissing if nothing was promoted yet.
    """
    if not ref and not (ref := promoted_ref() or ""):
        raise DataMissing("no version to compare: train one (F4, or `assistant-train rlhf`), or name one")
    model = resolve(ref, settings)
    other = resolve(against or _rival(model, settings), settings)
    if other.ref == model.ref:
        raise UsageError(f"{ref} is what answers: name another model with --against")
    return model, other


def find_prompts(model: ModelVersion, dialogues: Iterable[str] | None = None) -> list[str]:
    """Return prompts that fit the model: for these conversations, or from the user's summaries that were not judged.

    Raises DataMissing if there are none.
    """
    asked = map(_prompt_of, dialogues) if dialogues is not None else _unjudged()
    count = token_counter(model.folder)
    fitting = [prompt for prompt in dict.fromkeys(asked) if count(prompt) <= model.window]
    if not fitting:
        raise DataMissing("no conversation to compare on: summarize some first, or give --data FILE")
    return fitting


def write_pairs(
    models: tuple[ModelVersion, ModelVersion],
    prompts: Sequence[str],
    settings: Settings,
    draw: random.Random,
    on_notice: Callable[[str], None] = lambda notice: None,
) -> list[Pair]:
    """Return both models' answers to every prompt, each pair in random order. Loads one model after the other."""
    once = msgspec.structs.replace(settings.generation, drafts=1)
    with Engine(on_notice=on_notice) as engine:
        ours, theirs = (_write(engine, model, prompts, settings, once) for model in models)
    pairs = []
    for prompt, own, other in zip(prompts, ours, theirs, strict=True):
        first = draw.sample((0, 1), 2)[0] == 0
        pairs.append(Pair(prompt=prompt, texts=(own, other) if first else (other, own), ours=0 if first else 1))
    return pairs


def counted(held: Trial, pair: Pair, choice: int | None) -> Trial:
    """Add a choice to the trial: the index of the better answer, None for a tie."""
    return msgspec.structs.replace(
        held,
        wins=held.wins + (choice == pair.ours),
        losses=held.losses + (choice is not None and choice != pair.ours),
        ties=held.ties + (choice is None),
    )


def _rival(model: ModelVersion, settings: Settings) -> str:
    try:
        return str(read_promotion(model)["against"])
    except DataMissing:
        answering = choose(settings)[0].ref
    facts = facts_of(model)
    return answering if answering != model.ref or facts is None else facts.parent or facts.base


def _prompt_of(dialogue: str) -> str:
    return render(render_turns(parse(dialogue)), budget=1 << 30, count_tokens=lambda _: 0).text


def _unjudged() -> list[str]:
    if not store_file().exists():
        return []
    with Store.open(read_only=True) as store:
        judged = {completion.prompt for completion in store.completions.judged()}
        answers = store.completions.newest(limit=_LOOKED_THROUGH)
    return [
        answer.prompt
        for answer in answers
        if answer.task == "summary" and answer.prompt and answer.prompt not in judged
    ]


def _write(
    engine: Engine, model: ModelVersion, prompts: Sequence[str], settings: Settings, once: GenerationSettings
) -> list[str]:
    engine.load(model, choose_backend(settings, model), settings.model.threads)
    return [drafts[0].text.strip() for drafts in write(engine, prompts, once).drafts]
