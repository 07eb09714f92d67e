"""`assistant models why` and `models trial`: why a version was promoted, and a blind comparison by the user."""

import random
import sys
from pathlib import Path

from assistant.cli.output import note, say, say_json
from assistant.cli.summaries.batch import read_rows
from assistant.feedback.store import Store
from assistant.locations import store_file
from assistant.models.proof import Trial, add_trial, explain, read_promotion, read_trial
from assistant.models.registry import promoted_ref, resolve
from assistant.settings import load_settings
from assistant.trials import Pair, contestants, counted, find_prompts, write_pairs

END = -1
"""The choice when standard input has ended."""
_CHOICES = {"1": 0, "2": 1, "=": None}


def why(ref: str = "current", *, json: bool = False) -> None:
    """Show why a version was promoted or not: every check of the gate, and what the version was trained on.

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
    """Compare a version with another model blind, on your own conversations.

    Your choices are stored with the version, and the gate of `assistant-train rlhf` uses them.

    Examples:

      assistant models trial v3

      assistant models trial v3 --against pocket --data conversations.jsonl -n 20

    Parameters
    ----------
    ref
        The version.
    against
        The other model. By default the one that the version was trained to beat, or the one in use.
    n
        Number of conversations.
    data
        JSON Lines with "id" and "dialogue", instead of conversations from your chats that you have not rated.
    seed
        Seed for the order of the answers.
    json
        Print one JSON object with the result.
    """
    settings = load_settings()
    model, other = contestants(ref, against, settings)
    prompts = find_prompts(model, (row.dialogue for row in read_rows(data)) if data else None)[:n]
    draw = random.Random(seed) if seed is not None else random.SystemRandom()
    kept = read_trial(Path(model.folder)) or Trial(against=other.ref)
    for number, pair in enumerate(write_pairs((model, other), prompts, settings, draw, note), start=1):
        choice = None if pair.is_same else _choice(number, len(prompts), pair)
        if choice == END:
            break
        # Store each choice immediately, so that none is lost if the trial ends early.
        kept = add_trial(Path(model.folder), counted(Trial(against=other.ref), pair, choice))
    if json:
        say_json(
            {"model": model.ref, "against": kept.against, "wins": kept.wins, "losses": kept.losses, "ties": kept.ties}
        )
    else:
        say(f"{model.ref} against {kept.against}: {kept.wins} better, {kept.losses} worse, {kept.ties} alike")


def _choice(number: int, total: int, pair: Pair) -> int | None:
    """Read the better answer from standard input: its index, None for a tie, or END at the end of the input."""
    note(f"\n{number} of {total}\n{pair.prompt.strip()}\n")
    note(f"  1  {pair.texts[0]}\n  2  {pair.texts[1]}\n")
    while True:
        note("Which is better? 1, 2, = for alike; Ctrl+D ends the trial.")
        line = sys.stdin.readline()
        if not line:
            return END
        if line.strip() in _CHOICES:
            return _CHOICES[line.strip()]


def _sources(version: str) -> list[str]:
    if not store_file().exists():
        return []
    with Store.open(read_only=True) as store:
        return store.judgements.sources_of(version)
