"""How often one reward for all sources picks the answer that people prefer, compared with length, by source.

    python -m tests.benchmarks.reward_pairs --data ../shared/data [--part folds|sources]
    python -m tests.benchmarks.reward_pairs --drafts DRAFTS.jsonl --part drafts

Prints JSON lines. Shares are in percent with their 95 % interval (bootstrap over prompts); ties count half. `folds`:
every pair, judged by a reward trained without its prompt, in five folds of all sources. `sources`: the pairs of a
source, judged by a reward trained on the others. Both with one head for everything, and with one for each kind. The
length baseline prefers longer or shorter answers, whichever the training pairs do. `drafts`: pairs of texts about a
conversation, from lines of {"id", "dialogue", "summary" or "summaries", "drafts"}; the better one is nearer to the
references (training/reward/nearness.py). The source is the part of the id before the last "-".
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from assistant.scoring.coverage import coverage
from assistant.scoring.heads import load_head
from tests.benchmarks.people import People
from training.evaluation.metrics.bootstrap import interval, resamples
from training.reward.bradley_terry import accuracy_of, folds
from training.reward.feature_head import Counted, Rows, fit_counted, margins_of
from training.reward.nearness import Drafted, nearer_pairs
from training.runs.data.datasets import read_rows

Parting = tuple[Sequence[int], Sequence[int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--drafts", type=Path)
    parser.add_argument("--part", action="append", choices=("folds", "sources", "drafts"))
    arguments = parser.parse_args()
    for part in arguments.part or ("folds", "sources"):
        found = drafts(arguments.drafts) if part == "drafts" else people(arguments.data, part)
        for row in found:
            print(json.dumps({"part": part, **row}), flush=True)


def people(data: Path, part: str) -> Iterator[dict[str, Any]]:
    """One reward for everything, on held-out pairs."""
    rows = [row for row in read_rows(data / "preferences_human.jsonl.gz") if "unknown" not in row["annotator"]]
    random.Random(1).shuffle(rows)
    known = People(rows, load_head("warm"), None)
    margins = {name: np.zeros(len(rows)) for name in ("one head", "a head a kind")}
    longer = np.zeros(len(rows))
    for taught, judged in _partings(known, part):
        fitted, among = fit_counted(known.table.take(taught), 1), known.table.take(judged)
        for name, head in {"one head": _without_kinds(fitted), "a head a kind": fitted}.items():
            margins[name][judged] = margins_of(head, among)
        lead = 1.0 if accuracy_of(known.longer[list(taught)]).mean() >= 0.5 else -1.0
        longer[judged] = lead * known.longer[list(judged)]
    for name, values in margins.items():
        yield from known.told(range(len(rows)), values, longer, heads=name)
    gain = accuracy_of(margins["a head a kind"]) - accuracy_of(margins["one head"])
    low, high = interval([float(gain[at].mean()) for at in resamples(known.table.clusters)])
    yield {"gain": [round(100 * value, 1) for value in (float(gain.mean()), low, high)], "n": len(rows)}


def _partings(known: People, part: str) -> Iterator[Parting]:
    if part == "folds":
        yield from ((taught.tolist(), judged.tolist()) for taught, judged in folds(known.table.clusters, 5, 2))
        return
    for source in sorted(set(known.sources)):
        yield np.flatnonzero(known.sources != source).tolist(), np.flatnonzero(known.sources == source).tolist()


def _without_kinds(fitted: Counted) -> Counted:
    return replace(fitted, kinds={})


def drafts(path: Path) -> Iterator[dict[str, Any]]:
    """How well the bundled reward, coverage and length choose among texts about a conversation."""
    read = [(row["id"].rpartition("-")[0], _drafted(row)) for row in read_rows(path)]
    for source in [*sorted({source for source, _ in read}), "all"]:
        rows = [row for own, row in read if source in (own, "all")]
        pairs = nearer_pairs(rows)
        talks = [(rows[pair.row].conversation, text) for pair in pairs for text in (pair.near, pair.far)]
        ways = {
            "warm": load_head("warm").score(talks),
            "coverage": [coverage(*talk) for talk in talks],
            "length": [float(len(text.split())) for _, text in talks],
        }
        clusters = [str(pair.row) for pair in pairs]
        shares = {
            name: _share(np.array(scores[::2]) - np.array(scores[1::2]), clusters) for name, scores in ways.items()
        }
        yield {"source": source, "n": len(pairs), "conversations": len(set(clusters)), **shares}


def _drafted(row: dict[str, Any]) -> Drafted:
    return Drafted(row["dialogue"], tuple(row.get("summaries") or [row["summary"]]), tuple(row["drafts"]))


def _share(margins: Rows, clusters: Sequence[str]) -> list[float]:
    right = accuracy_of(margins)
    low, high = interval([float(right[at].mean()) for at in resamples(list(clusters))])
    return [round(100 * value, 1) for value in (float(right.mean()), low, high)]


if __name__ == "__main__":
    main()
