"""Trains the digest's weights and writes them: `python -m training.digest.teach`.

Logistic regression separates the clauses that a reader who knows the facts would quote from the others, pulled
towards weights set by hand. `--check` cross-validates and writes nothing.
"""

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

import assistant.digest
from assistant.digest import Digest, make_digest, point_line, todo_line
from assistant.digest.features import Row, Unit, rows, units
from assistant.digest.hearing import hear
from assistant.digest.making import fit_todos
from assistant.digest.todos.todos import find_todos
from training.digest.refine import refine, trials
from training.digest.talks import Talk, read_talks

Weights = dict[str, float]
Floats = NDArray[np.float64]

PULL = 8.0
"""Strength of the pull towards the weights set by hand."""
FOLDS = 6
ROUNDS = 25
"""Rounds of refining; each takes two seconds."""
_WORTH = 30.0
"""Total weight of a conversation's clauses, whatever their number."""
_LEAST_GAIN = 0.12
_ALSO_WORTH = 0.5
_TODO_WORDS = 22
"""Words for to-dos in a digest of 65 to 110 words."""


def main() -> None:
    """Train on all conversations and write the weights or, with `--check`, cross-validate."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--check", action="store_true", help="measure by cross-validation, write nothing")
    options.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of refining")
    chosen, talks = options.parse_args(), read_talks()
    if chosen.check:
        for words, facts in cross_validate(talks, (65, 110), chosen.rounds).items():
            print(f"facts in {words} words: {facts:.1f} % (n = {len(talks)} conversations, {FOLDS} folds)")
        return
    place = Path(assistant.digest.__path__[0]) / "weights.json"
    taught = refined(talks, teach(talks), chosen.rounds)
    rounded = {name: round(value, 3) for name, value in sorted(taught.items())}
    place.write_bytes(msgspec.json.format(msgspec.json.encode(rounded)) + b"\n")


def cross_validate(talks: Sequence[Talk], lengths: Sequence[int], rounds: int = 0) -> dict[int, float]:
    """Return the share of facts in digests of held-out conversations, in per cent, by length in words."""
    found: dict[int, list[float]] = {words: [] for words in lengths}
    for fold in range(FOLDS):
        others = [talk for at, talk in enumerate(talks) if at % FOLDS != fold]
        weights = refined(others, teach(others), rounds)
        for talk in talks[fold::FOLDS]:
            for words in lengths:
                text = shown(make_digest(talk.dialogue, words=words, weights=weights))
                found[words].append(sum(fact.is_in(text) for fact in talk.facts) / len(talk.facts))
    return {words: 100 * float(np.mean(shares)) for words, shares in found.items()}


def refined(talks: Sequence[Talk], weights: Weights, rounds: int) -> Weights:
    """Refine the weights on whole digests (see `refine`)."""
    if not rounds:
        return weights
    names = [name for name in weights if name != "bias"]
    known = [trial for talk in talks for trial in trials(talk, names)]
    start = np.array([*(weights[name] for name in names), weights["bias"]])
    return dict(zip((*names, "bias"), map(float, refine(known, start, rounds, seed=0)), strict=True))


def shown(digest: Digest) -> str:
    """Return the text of the digest, without headings."""
    return "\n".join([*map(point_line, digest.points), *map(point_line, digest.open), *map(todo_line, digest.todos)])


def teach(talks: Sequence[Talk], prior: Mapping[str, float] | None = None) -> Weights:
    """Fit the weights and return them by feature name, with `bias`. `prior` replaces the weights set by hand."""
    taught = [_labelled(talk) for talk in talks]
    names = sorted({name for found, _ in taught for row in found for name in row})
    start = prior if prior is not None else read_prior()
    numbers = np.array([[row.get(name, 0.0) for name in names] + [1.0] for found, _ in taught for row in found])
    labels = np.concatenate([wanted for _, wanted in taught])
    counts = np.concatenate([np.full(len(wanted), _WORTH / len(wanted)) for _, wanted in taught])
    held = np.array([start.get(name, 0.0) for name in (*names, "bias")])
    pull = np.array([PULL] * len(names) + [0.0])
    return dict(zip((*names, "bias"), map(float, _fit(numbers, labels, counts, held, pull)), strict=True))


def read_prior() -> Weights:
    """Return the weights set by hand."""
    text = resources.files(__package__).joinpath("prior.toml").read_text(encoding="utf-8")
    return {name: float(value) for name, value in tomllib.loads(text).items()}


def _fit(numbers: Floats, labels: Floats, counts: Floats, held: Floats, pull: Floats) -> Floats:
    """Fit weighted logistic regression by Newton's method. `pull` weights the squared distance to `held`."""
    weights = held.copy()
    for _ in range(50):
        chance = 1.0 / (1.0 + np.exp(-(numbers @ weights)))
        slope = numbers.T @ (counts * (chance - labels)) + pull * (weights - held)
        curve = (numbers.T * (counts * chance * (1.0 - chance))) @ numbers + np.diag(pull + 1e-6)
        step = np.linalg.solve(curve, slope)
        weights = weights - step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def _labelled(talk: Talk) -> tuple[list[Row], Floats]:
    heard = hear(talk.dialogue)
    todos = fit_todos(find_todos(heard), _TODO_WORDS)
    found = units(heard)
    said = "\n".join(todo_line(one.todo) for one in todos)
    tasks = frozenset(place for one in todos for place in one.places)
    return rows(heard, found, tasks), wanted(talk, found, said)


def wanted(talk: Talk, found: Sequence[Unit], said: str) -> Floats:
    """Return the labels of the clauses: 1 for those that a greedy choice quotes to get all facts, given the to-dos in
    `said`, 0.5 for others with a whole fact, and 0 for the rest.
    """
    texts = [f"{unit.sentence.speaker}: {unit.text}" for unit in found]
    holds = [[fact.groups_in(text) for fact in talk.facts] for text in texts]
    known = [fact.groups_in(said) for fact in talk.facts]
    labels = np.zeros(len(found))
    while True:
        gains = [
            0.0 if labels[at] or unit.replaced else _gain(talk, holds[at], known) / (unit.clause.words + 1.5) ** 0.5
            for at, unit in enumerate(found)
        ]
        if not gains or max(gains) < _LEAST_GAIN:
            break
        best = int(np.argmax(gains))
        labels[best] = 1.0
        known = [had | new for had, new in zip(known, holds[best], strict=True)]
    for at, groups in enumerate(holds):
        whole = any(len(one) == len(fact.words) for one, fact in zip(groups, talk.facts, strict=True))
        labels[at] = max(labels[at], _ALSO_WORTH * whole)
    return labels


def _gain(talk: Talk, new: Sequence[frozenset[int]], known: Sequence[frozenset[int]]) -> float:
    """Return what a clause adds: for each fact half its new share of the fact, plus a half if it completes the fact."""
    total = 0.0
    for fact, had, has in zip(talk.facts, known, new, strict=True):
        if more := len(has - had):
            total += 0.5 * more / len(fact.words) + 0.5 * (len(had | has) == len(fact.words))
    return total


if __name__ == "__main__":
    main()
