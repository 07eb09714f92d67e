"""What a reward model learns from people's own pairs (preferences_human), by source and by number of pairs.

    python -m tests.benchmarks.people --data ../shared/data [--part folds|…] [--vectors]

Prints JSON lines. `held-out`: 500 pairs, judged by rewards trained per source on the others, which share no prompt with
them. `folds`: every pair, judged by a reward trained without its prompt, in five folds. `curve`: the 500 by number of
training pairs, with and without the bundled warm start. `similarity`: the choice by similarity of answer and prompt
alone. `principles`: how far the bundled principles agree with people. `--vectors` adds all-MiniLM's vectors of the
answers to the features, and takes five minutes more.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assistant.scoring.encoder import Encoder, open_minilm
from assistant.scoring.heads import Reward, load_head
from training.evaluation.metrics.bootstrap import interval, resamples
from training.reward.ai_feedback.principles import load_principles
from training.reward.ai_feedback.stage import Judge
from training.reward.bradley_terry import accuracy_of, calibration_error, folds
from training.reward.feature_head import Rows, Table, fit_counted, margins_of
from training.reward.preferences import Pair
from training.runs.data.datasets import read_rows

_HELD_OUT = 500
_LEAST = 60
"""The fewest pairs for which a source gets its own reward; with fewer, it gets the one of all sources."""
_COUNTS = (30, 100, 300, 1000)
_ASKED = 250
"""The most pairs of a source that the principles judge."""


class People:
    """Pairs with their sources, with features computed once."""

    def __init__(self, rows: Sequence[dict[str, Any]], warm: Reward | None, encoder: Encoder | None) -> None:
        pairs = [Pair(row["prompt"], row["chosen"], row["rejected"]) for row in rows]
        self.sources = np.array([row["source"].split("(")[0].split(" ")[0] for row in rows])
        self.table = Table(pairs, (), warm, encoder)
        self.longer = np.array([len(p.chosen.split()) - len(p.rejected.split()) for p in pairs], dtype=np.float64)

    def apart(self, taught: Sequence[int], judged: Sequence[int], at_most: int = 0) -> Rows:
        """Margins of the judged pairs by one reward for each source, trained on at most `at_most` of its pairs (0 for
        all).
        """
        among = self.table.take(list(judged))
        found = np.zeros(len(judged))
        for source in set(self.sources[list(judged)]):
            own = [place for place in taught if self.sources[place] == source]
            own = (own if len(own) >= _LEAST else list(taught))[: at_most or None]
            at = self.sources[list(judged)] == source
            found[at] = margins_of(fit_counted(self.table.take(own), 1), among)[at]
        return found

    def by_length(self, taught: Sequence[int], judged: Sequence[int]) -> Rows:
        """Margins by length alone: longer or shorter, whichever is right for most training pairs of the source."""
        lead = {
            source: 1.0
            if accuracy_of(self.longer[[n for n in taught if self.sources[n] == source]]).mean() >= 0.5
            else -1.0
            for source in set(self.sources)
        }
        return np.array([lead[self.sources[place]] * self.longer[place] for place in judged])

    def told(self, judged: Sequence[int], margins: Rows, by_length: Rows, **more: Any) -> Iterator[dict[str, Any]]:
        """Yield a row for each source, and one for all."""
        sources = self.sources[list(judged)]
        clusters = np.array([self.table.clusters[place] for place in judged])
        for source in [*sorted(set(sources)), "all"]:
            at = (sources == source) | (source == "all")
            yield {
                **more,
                "source": source,
                "n": int(at.sum()),
                "accuracy": _share(margins[at], clusters[at]),
                "length_only": _share(by_length[at], clusters[at]),
                "over_length": _share(margins[at], clusters[at], by_length[at]),
                "calibration_error": calibration_error(margins[at]),
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--part", action="append", choices=list(_PARTS))
    parser.add_argument("--vectors", action="store_true")
    arguments = parser.parse_args()
    rows = list(read_rows(arguments.data / "preferences_human.jsonl.gz"))
    rows = [row for row in rows if "unknown" not in row["annotator"]]
    random.Random(1).shuffle(rows)
    encoder = open_minilm(1) if arguments.vectors else None
    for part in arguments.part or _PARTS:
        for row in _PARTS[part](rows, encoder):
            print(json.dumps({"part": part, **row}), flush=True)


def held_out(rows: Sequence[dict[str, Any]], encoder: Encoder | None) -> Iterator[dict[str, Any]]:
    """500 pairs, judged by rewards trained on all others."""
    people = People(rows, load_head("warm"), encoder)
    taught, judged = _parted(rows)
    yield from people.told(judged, people.apart(taught, judged), people.by_length(taught, judged), taught=len(taught))


def in_folds(rows: Sequence[dict[str, Any]], encoder: Encoder | None) -> Iterator[dict[str, Any]]:
    """All pairs in five parts by prompt, each judged by rewards trained on the other four."""
    people = People(rows, load_head("warm"), encoder)
    margins, by_length = np.zeros(len(rows)), np.zeros(len(rows))
    for taught, judged in folds(people.table.clusters, 5, 2):
        margins[judged] = people.apart(taught.tolist(), judged.tolist())
        by_length[judged] = people.by_length(taught.tolist(), judged.tolist())
    yield from people.told(range(len(rows)), margins, by_length)


def curve(rows: Sequence[dict[str, Any]], encoder: Encoder | None) -> Iterator[dict[str, Any]]:
    """The 500, by number of training pairs of the same source, with and without warm start."""
    taught, judged = _parted(rows)
    for name, warm in (("warm", load_head("warm")), ("none", None)):
        people = People(rows, warm, encoder)
        by_length = people.by_length(taught, judged)
        for count in _COUNTS:
            margins = people.apart(taught, judged, count)
            yield from people.told(judged, margins, by_length, start=name, pairs=count)


def similarity(rows: Sequence[dict[str, Any]], encoder: Encoder | None) -> Iterator[dict[str, Any]]:
    """The choice among the 500 by similarity to the prompt alone."""
    encoder = encoder or open_minilm(1)
    judged = rows[:_HELD_OUT]
    prompts, chosen, rejected = (
        encoder.embed([row[name] for row in judged]) for name in ("prompt", "chosen", "rejected")
    )
    likeness = np.einsum("ij,ij->i", (chosen - rejected).astype(np.float64), prompts)
    sources = np.array([row["source"].split("(")[0].split(" ")[0] for row in judged])
    for source in [*sorted(set(sources)), "all"]:
        at = np.flatnonzero((sources == source) | (source == "all"))
        share = _share(likeness[at], [judged[place]["prompt"] for place in at])
        yield {"source": source, "n": len(at), "similarity_only": share}


def principles(rows: Sequence[dict[str, Any]], encoder: Encoder | None) -> Iterator[dict[str, Any]]:
    """Of the pairs of a source on which the principles differ, the share that people decided the same way."""
    judge = Judge(load_principles(None))
    kinds = {row["source"].split("(")[0].split(" ")[0] for row in rows}
    asked = {kind: [row for row in rows if row["source"].startswith(kind)] for kind in sorted(kinds)}
    asked["summaries of Auto-J"] = [row for row in rows if "summarization" in row["task"]]
    for kind, own in asked.items():
        people = [Pair(row["prompt"], row["chosen"], row["rejected"]) for row in own[:_ASKED]]
        yield {"source": kind, **judge.agreement(people)}


def _parted(rows: Sequence[dict[str, Any]]) -> tuple[list[int], list[int]]:
    """Indices of the training pairs and of the 500 judged pairs; no prompt is in both."""
    unseen = {row["prompt"] for row in rows[:_HELD_OUT]}
    taught = [place for place in range(_HELD_OUT, len(rows)) if rows[place]["prompt"] not in unseen]
    return taught, list(range(min(_HELD_OUT, len(rows))))


def _share(margins: Rows, clusters: Sequence[str] | Any, other: Rows | None = None) -> list[float]:
    """Percent right, minus the other's if given, with its bootstrap interval over prompts."""
    right = accuracy_of(margins) - (accuracy_of(other) if other is not None else 0.0)
    low, high = interval([float(right[at].mean()) for at in resamples(list(clusters))])
    return [round(100 * value, 1) for value in (float(right.mean()), low, high)]


_PARTS: dict[str, Callable[[Sequence[dict[str, Any]], Encoder | None], Iterator[dict[str, Any]]]] = {
    "held-out": held_out,
    "folds": in_folds,
    "curve": curve,
    "similarity": similarity,
    "principles": principles,
}

if __name__ == "__main__":
    main()
