"""`assistant models why` and `models trial`: what speaks for a version, and a blind comparison by the user."""

import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from assistant.cli.batch import read_rows
from assistant.cli.output import note, say, say_json
from assistant.dialogue import parse, render_turns
from assistant.engine.client import Engine
from assistant.engine.tokens import token_counter
from assistant.errors import DataMissing, UsageError
from assistant.feedback.store import Store
from assistant.locations import store_file
from assistant.models.proof import Trial, add_trial, explain, read_promotion
from assistant.models.registry import choose, choose_backend, promoted_ref, resolve
from assistant.prompts import render
from assistant.records import ModelVersion
from assistant.settings import Settings, load_settings

_LOOKED_THROUGH = 2000
"""The newest answers in the store among which conversations are looked for."""


def why(ref: str = "current", *, json: bool = False) -> None:
    """Say why a version was promoted or not: every check of the gate with its figures, and what it was made of.

    Examples:

      assistant models why current

      assistant models why v3 --json

    Parameters
    ----------
    ref
        A version that `assistant-train rlhf` made, or current.
    json
        Print the whole document as one JSON object.
    """
    model = resolve(ref, load_settings())
    document = read_promotion(model)
    with_sources = {**document, "ratings": _sources(model.ref)}
    if json:
        say_json(with_sources)
        return
    for line in explain(document):
        say(line)
    say(f"{model.ref} {'answers now' if promoted_ref() == model.ref else 'does not answer now'}")
    if sources := with_sources["ratings"]:
        say(f"shaped by {len(sources)} ratings and rankings, such as {sources[0]}; --json names all")


def trial(
    ref: str,
    *,
    against: str | None = None,
    n: int = 12,
    data: Path | None = None,
    seed: int | None = None,
    json: bool = False,
) -> None:
    """Compare a version with another model blind: both answer your own conversations, you say which answer is better.

    The choices are kept with the version, where the gate of `assistant-train rlhf` reads them.

    Examples:

      assistant models trial v3

      assistant models trial v3 --against pocket --data conversations.jsonl -n 20

    Parameters
    ----------
    ref
        The version.
    against
        The other model; without it the one that the version was trained to beat, else the one that answers.
    n
        How many conversations.
    data
        JSON Lines with "id" and "dialogue", instead of conversations from your chats that you have not rated.
    seed
        Makes the order repeatable, for tests.
    json
        Print one JSON object with the result.
    """
    settings = load_settings()
    model = resolve(ref, settings)
    other = resolve(against or _rival(model, settings), settings)
    if other.ref == model.ref:
        raise UsageError(f"{ref} is what answers: name another model with --against")
    prompts = _prompts(data, model)[:n]
    draw = random.Random(seed) if seed is not None else random.SystemRandom()
    held = Trial(against=other.ref)
    with Engine(on_notice=note) as engine:
        answers = [_write(engine, one, prompts, settings) for one in (model, other)]
    for number, (prompt, *texts) in enumerate(zip(prompts, *answers, strict=True), start=1):
        if texts[0] == texts[1]:
            held = Trial(against=held.against, wins=held.wins, losses=held.losses, ties=held.ties + 1)
            continue
        order = draw.sample((0, 1), 2)
        note(f"\n{number} of {len(prompts)}\n{prompt.strip()}\n")
        note(f"  1  {texts[order[0]]}\n  2  {texts[order[1]]}\n")
        choice = _choice()
        if choice is None:
            break
        won = choice != "=" and order[int(choice) - 1] == 0
        held = Trial(
            against=held.against,
            wins=held.wins + (choice != "=" and won),
            losses=held.losses + (choice != "=" and not won),
            ties=held.ties + (choice == "="),
        )
    kept = add_trial(Path(model.folder), held)
    if json:
        say_json(
            {"model": model.ref, "against": kept.against, "wins": kept.wins, "losses": kept.losses, "ties": kept.ties}
        )
    else:
        say(f"{model.ref} against {kept.against}: {kept.wins} better, {kept.losses} worse, {kept.ties} alike")


def _choice() -> str | None:
    """1, 2 or = from standard input; None where there is no more."""
    while True:
        note("Which is better? 1, 2, = for alike; Ctrl+D ends the trial.")
        line = sys.stdin.readline()
        if not line:
            return None
        if line.strip() in {"1", "2", "="}:
            return line.strip()


def _rival(model: ModelVersion, settings: Settings) -> str:
    try:
        return str(read_promotion(model)["against"])
    except DataMissing:
        return choose(settings)[0].ref


def _prompts(data: Path | None, model: ModelVersion) -> list[str]:
    """Prompts that fit the model: those of the file, or of the user's summaries that were not judged."""
    found = list(dict.fromkeys(_of_file(data) if data else _of_store()))
    count = token_counter(model.folder)
    fitting = [prompt for prompt in found if count(prompt) <= model.window]
    if not fitting:
        raise DataMissing("no conversation to compare on: summarize some first, or give --data FILE")
    return fitting


def _of_file(data: Path) -> Iterator[str]:
    for row in read_rows(data):
        yield render(render_turns(parse(row.dialogue)), budget=1 << 30, count_tokens=lambda _: 0).text


def _of_store() -> Iterator[str]:
    if not store_file().exists():
        return
    with Store.open(read_only=True) as store:
        judged = {completion.prompt for completion in store.judged_completions()}
        for answer in store.completions(limit=_LOOKED_THROUGH):
            if answer.task == "summary" and answer.prompt and answer.prompt not in judged:
                yield answer.prompt


def _write(engine: Engine, model: ModelVersion, prompts: Sequence[str], settings: Settings) -> list[str]:
    import msgspec

    engine.load(model, choose_backend(settings), settings.model.threads)
    once = msgspec.structs.replace(settings.generation, drafts=1)
    return [drafts[0].text.strip() for drafts in engine.generate(prompts, once).drafts]


def _sources(version: str) -> list[str]:
    if not store_file().exists():
        return []
    with Store.open(read_only=True) as store:
        return store.sources_of(version)
