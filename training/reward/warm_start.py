"""Makes a reward from summaries alone: references against corrupted copies. Ships as `heads/reward`.

Three steps use different conversations, so that none relies on what an earlier one memorized. They fit the weights of
who said what, then those of the other counted features, then that of coverage, from drafts nearer to or farther from
the reference. Length is left to people's ratings.
"""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.scoring.faithfulness.roles import MEASURES, role_features
from assistant.scoring.heads import COLUMNS, COVERAGE, RoleHead, columns_of
from training.reward.bradley_terry import Prior, accuracy_of, fit, fit_temperature
from training.reward.corruptions import WAYS, MadePair, made_pairs
from training.reward.nearness import Drafted, nearer_pairs
from training.runs.data.augmentation import name_speakers

Rows = NDArray[np.float64]
Texts = tuple[str, str]
"""Conversation and summary."""

_ROLE_KEYS = 400
_ROLE_SPREAD = 0.2
_SPREAD = 0.5
_NAMED_SHARE = 0.4
"""Share of the conversations that get names in place of tags, as in users' chats."""
_WEIGHED = frozenset(
    (
        "roles", "contradictions", "joining words", "crowding", "excess", "repetition", "repetition of pairs",
        "distinct words", "copying", "copying of pairs", "longest copy", "source copied", "unsupported names",
        "unsupported numbers", "any unsupported", "placed mentions", "misplaced mentions", "precision",
        "sentence fit", "worst sentence fit", "recall", "turns touched", "speakers named", "no speaker named",
        "ends open", "starts small", "first person", "second person", "pronouns", "question marks",
        "exclamation marks", "quotes", "colons", "commas", "refusal", "words a sentence",
    )
)  # fmt: skip
"""Columns that mean the same in every data set. Others would measure length or the style of a data set. The weight of
coverage is fitted last.
"""
_DRAFTED_SHARE = 0.15
"""Total weight of the pairs of drafts, relative to that of the corrupted pairs."""
_LEAST = 0.02
"""Least weight of the score learned before, when fitted together with coverage."""
_BARE = 300
"""Conversations for fitting coverage, at most, if no row has drafts."""


class WarmStart:
    """The result of `build`: role head, weights of COLUMNS, bias, and figures by corruption."""

    def __init__(self, roles: RoleHead, weights: Rows, bias: float, figures: dict[str, Any]) -> None:
        self.roles = roles
        self.weights = weights
        self.bias = bias
        self.figures = figures

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the tensors for `write_reward`."""
        return {"roles": self.roles.weights, "weights": self.weights, "bias": np.array([self.bias])}


def build(rows: Sequence[Texts], held_out: Sequence[Texts], seed: int, drafted: Sequence[Drafted] = ()) -> WarmStart:
    """Train on (conversation, summary) rows and on drafts, if there are any. Calibrate and measure on held-out rows."""
    rng = random.Random(seed)
    named = [name_speakers(*row, rng) if rng.random() < _NAMED_SHARE else row for row in rows]
    half = len(named) // 2
    roles = fit_roles(made_pairs(named[:half], ("roles", "one role"), seed))
    made = made_pairs(named[half:], tuple(WAYS), seed + 1)
    chosen = columns_of(roles, [(pair.conversation, pair.chosen) for pair in made])
    rejected = columns_of(roles, [(pair.conversation, pair.rejected) for pair in made])
    middle, scale = chosen.mean(axis=0), np.vstack([chosen, rejected]).std(axis=0)
    allowed = np.array([name in _WEIGHED for name in COLUMNS]) & (scale > 1e-9)
    differences = np.where(allowed, (chosen - rejected) / np.where(scale > 1e-9, scale, 1.0), 0.0)
    prior = Prior(np.zeros(len(COLUMNS)), np.full(len(COLUMNS), _SPREAD))
    # Every corruption has the same total weight, whatever the number of its pairs.
    counts = Counter(pair.way for pair in made)
    shares = np.array([len(made) / len(counts) / counts[pair.way] for pair in made])
    weights = np.where(allowed, fit(differences, shares, prior) / np.where(scale > 1e-9, scale, 1.0), 0.0)
    drafted = drafted or [Drafted(conversation, (summary,)) for conversation, summary in rows[:_BARE]]
    weights = weights + coverage_beside(weights, roles, drafted, chosen - rejected, shares)
    return _judged(roles, weights, middle, held_out, seed)


def coverage_beside(weights: Rows, roles: RoleHead, drafted: Sequence[Drafted], made: Rows, made_shares: Rows) -> Rows:
    """Return the weight of coverage to add to `weights`, as (len(COLUMNS),) with 0 elsewhere.

    It is fitted to tell the nearer of two drafts, with equal weight per conversation, and the pairs `made`, (n,
    len(COLUMNS)), chosen minus rejected.
    """
    pairs = nearer_pairs(drafted)
    texts = [(drafted[pair.row].conversation, text) for pair in pairs for text in (pair.near, pair.far)]
    columns = columns_of(roles, texts)
    counts = Counter(pair.row for pair in pairs)
    shares = np.array([1 / counts[pair.row] for pair in pairs])
    shares *= _DRAFTED_SHARE * made_shares.sum() / max(shares.sum(), 1.0)
    differences = np.vstack([made, columns[::2] - columns[1::2]])
    place = COLUMNS.index(COVERAGE)
    known = np.stack([differences @ weights, differences[:, place]], axis=1)
    scale = np.maximum(known.std(axis=0), 1e-9)
    prior = Prior(np.zeros(2), np.full(2, _SPREAD))
    score, covered = fit(known / scale, np.concatenate([made_shares, shares]), prior) / scale
    found = np.zeros(len(COLUMNS))
    # Only the ratio of the two weights matters: the scale is calibrated on the held-out pairs.
    found[place] = max(0.0, covered) / max(score, _LEAST)
    return found


def fit_roles(made: Sequence[MadePair]) -> RoleHead:
    """Fit the role head to pairs whose speakers were exchanged."""
    found = []
    for pair in made:
        better = dict(role_features(pair.chosen, pair.conversation))
        for key, value in role_features(pair.rejected, pair.conversation).items():
            better[key] = better.get(key, 0.0) - value
        found.append(better)
    frequent = Counter(key.rpartition("|")[0] for row in found for key, value in row.items() if value)
    keys = tuple(key for key, _ in frequent.most_common(_ROLE_KEYS))
    place = {f"{key}|{name}": i for i, (key, name) in enumerate((key, name) for key in keys for name in MEASURES)}
    rows = np.zeros((len(found), len(place)))
    for index, row in enumerate(found):
        for name, value in row.items():
            if name in place:
                rows[index, place[name]] = value
    prior = Prior(np.zeros(len(place)), np.full(len(place), _ROLE_SPREAD))
    weights = fit(rows, np.ones(len(rows)), prior)
    return RoleHead(keys, weights.reshape(len(keys), len(MEASURES)).astype(np.float32))


def _judged(roles: RoleHead, weights: Rows, middle: Rows, held_out: Sequence[Texts], seed: int) -> WarmStart:
    """Calibrate on corrupted held-out summaries, and measure the accuracy for each corruption."""
    made = made_pairs(held_out, tuple(WAYS), seed + 2)
    columns = columns_of(roles, [(pair.conversation, text) for pair in made for text in (pair.chosen, pair.rejected)])
    scores = columns @ weights
    margins = scores[::2] - scores[1::2]
    ways = np.array([pair.way for pair in made])
    even = np.array([1 / (ways == way).sum() for way in ways])
    temperature = fit_temperature(margins, even)
    right = accuracy_of(margins)
    figures = {
        way: {"accuracy": float(right[ways == way].mean()), "n": int((ways == way).sum())}
        for way in WAYS
        if way in ways
    }
    longer = np.array([len(pair.chosen.split()) - len(pair.rejected.split()) for pair in made], dtype=np.float64)
    figures["length only"] = {"accuracy": float(even @ accuracy_of(longer) / even.sum()), "n": len(made)}
    figures["all, each way alike"] = {"accuracy": float(even @ right / even.sum()), "n": len(made)}
    return WarmStart(roles, weights / temperature, float(-(middle @ weights) / temperature), figures)


def write_card(folder: Path, rows: int, drafted: int, figures: dict[str, Any]) -> None:
    """Write the model card beside the weights."""
    lines = "\n".join(f"| {way} | {100 * row['accuracy']:.1f} % | {row['n']} |" for way, row in figures.items())
    (folder / "README.md").write_text(_CARD.format(rows=rows, drafted=drafted, lines=lines), encoding="utf-8")


_CARD = """# Reward, warm start

A linear head over what can be counted in a summary and its conversation (support of names and numbers, coverage, who
said what, copying, repetition, form). No person judged anything for it: it learned to tell a reference summary from
the same one made worse, and of drafts and extracts the one nearer to the reference. Ratings of your own start from
here. It knows no length, and little of style.

- Made by `assistant-train reward --data dialogsum_train.jsonl.gz --data drafts.jsonl --dev dialogsum_dev.jsonl.gz`,
  from {rows} conversations of DialogSum's training part and pocket's drafts of {drafted} others (DialogSum, TweetSumm,
  MTS-Dialog), from which it has the weight of coverage.
- Licence: CC BY-NC-SA 4.0, as DialogSum (Chen et al. 2021), whose statistics the weights are; TweetSumm (CDLA-Sharing
  1.0) and MTS-Dialog (CC BY 4.0) gave one number. Not for commercial use. Delete the folder, or train with
  `--warm-start none`, to do without.
- Where it errs: texts in other languages than English, conversations whose lines don't begin with a speaker's name.

On held-out conversations it prefers the reference over the same text:

| made worse by | accuracy | pairs |
| --- | --- | --- |
{lines}
"""
