"""Trains the toxicity head on all-MiniLM embeddings. Ships as `heads/toxicity`.

`assistant-train reward` makes it from rows of "text", "label" (`not_hate`, or anything else) and "source".
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch.nn import functional

from assistant.errors import DataMissing
from assistant.locations import ensure_dir
from assistant.scoring.encoder import open_minilm
from assistant.scoring.heads import toxicity_of
from training.reward.toxicity_texts import own_texts
from training.runs.data.datasets import require_fields

_EACH = 1000
"""Texts per source and label, at most: otherwise one source would provide half of all texts."""
_HIDDEN = 64
_STEPS = 400
_LEFT_OUT = ("ETHOS",)
"""Sources to leave out: their licence (GPL) would apply to the head."""
OWN = "written for Parley"
"""The source name of Parley's own texts."""
Row = tuple[str, bool, str]


def train_toxicity(rows: Sequence[dict[str, Any]], path: Path, folder: Path, seed: int) -> dict[str, Any]:
    """Train the head and write `head.safetensors` and a card to the folder. Return figures on held-out texts, by
    source.
    """
    chosen = _chosen(require_fields(rows, ("text", "label"), path), seed)
    edge = len(chosen) * 4 // 5
    taught, kept = ([(*text, OWN) for text in texts] for texts in own_texts(seed))
    chosen = [*chosen[:edge], *taught, *kept, *chosen[edge:]]
    edge += len(taught)
    vectors = open_minilm().embed([text for text, _, _ in chosen], window=128).astype(np.float64)
    labels = np.array([is_toxic for _, is_toxic, _ in chosen])
    layers = _fit(vectors[:edge], labels[:edge], seed)
    shares = toxicity_of({name: value.numpy() for name, value in layers.items()}, vectors[edge:])
    sources = np.array([source for _, _, source in chosen[edge:]])
    figures = {
        name: _figures(shares[at], labels[edge:][at]) for name in sorted(set(sources)) for at in [sources == name]
    }
    figures["all"] = _figures(shares, labels[edge:])
    ensure_dir(folder)
    save_file(layers, folder / "head.safetensors")
    (folder / "README.md").write_text(_card(edge, len(taught), figures), encoding="utf-8")
    return figures


def _chosen(rows: Sequence[dict[str, Any]], seed: int) -> list[Row]:
    groups: defaultdict[tuple[str, bool], list[Row]] = defaultdict(list)
    for row in rows:
        source = str(row.get("source", ""))
        if not source.startswith(_LEFT_OUT):
            is_toxic = row["label"] != "not_hate"
            groups[source, is_toxic].append((row["text"], is_toxic, source))
    rng = random.Random(seed)
    chosen = [row for group in groups.values() for row in rng.sample(group, min(_EACH, len(group)))]
    if len({is_toxic for _, is_toxic, _ in chosen}) < 2:
        raise DataMissing("a toxicity head needs texts of both kinds: label not_hate, and others")
    rng.shuffle(chosen)
    return chosen


def _fit(vectors: NDArray[np.float64], labels: NDArray[np.bool_], seed: int) -> dict[str, torch.Tensor]:
    """Fit a network with one hidden layer, in full batches with weight decay."""
    torch.manual_seed(seed)
    network = torch.nn.Sequential(
        torch.nn.Linear(vectors.shape[1], _HIDDEN), torch.nn.ReLU(), torch.nn.Dropout(0.3), torch.nn.Linear(_HIDDEN, 1)
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3, weight_decay=0.05)
    inputs, wanted = torch.tensor(vectors, dtype=torch.float32), torch.tensor(labels, dtype=torch.float32)
    for _ in range(_STEPS):
        loss = functional.binary_cross_entropy_with_logits(network(inputs).squeeze(-1), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    named = {"hidden.weight": "0.weight", "hidden.bias": "0.bias", "out.weight": "3.weight", "out.bias": "3.bias"}
    state = network.state_dict()
    return {name: state[place].contiguous() for name, place in named.items()}


def _figures(shares: NDArray[np.float64], labels: NDArray[np.bool_]) -> dict[str, Any]:
    """Return accuracy at 0.5 and AUC: how often a toxic text scores above a clean one."""
    found: dict[str, Any] = {"accuracy": float(((shares > 0.5) == labels).mean()), "n": len(labels), "auc": None}
    if labels.any() and not labels.all():
        toxic, clean = shares[labels], shares[~labels]
        found["auc"] = float((toxic[:, None] > clean[None, :]).mean())
    return found


def _card(texts: int, own: int, figures: dict[str, Any]) -> str:
    lines = "\n".join(
        f"| {name} | {row['accuracy']:.3f} | {'-' if row['auc'] is None else format(row['auc'], '.3f')} | {row['n']} |"
        for name, row in figures.items()
    )
    return _CARD.format(texts=texts, own=own, lines=lines)


_CARD = """# Toxicity head

How likely a text is hateful or offensive, 0 to 1: one hidden layer of 64 units over all-MiniLM-L6-v2's vector of the
text. Made by `assistant-train reward --data safety_hate.jsonl.gz -o toxicity` from {texts} texts.

- Trained on HateCheck (CC BY 4.0), Davidson et al. 2017 (MIT), the Stormfront set of Vicomtech (CC BY-SA 3.0) and the
  prompts of ToxiGen (MIT, labelled by list). Rows under the GPL (ETHOS) were left out.
- {own} of the texts are the project's own (`training/reward/toxicity_texts.toml`): plain insults and
  threats, and polite or harmless counterparts in much the same words. The figures for them are on other sentences,
  filled with other words.
- Licence: CC BY-SA 4.0, for Vicomtech's sake.
- Where it errs: it reads English only, takes quoted, reported and reclaimed slurs for attacks, and misses polite
  contempt. It is one part of a reward and a figure in evaluations, not a filter.

On held-out texts:

| source | accuracy at 0.5 | area under the curve | texts |
| --- | --- | --- | --- |
{lines}
"""
