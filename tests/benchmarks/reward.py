"""What a trained reward model learns: planted rules, corrupted summaries, and its cost. `people.py` has people's pairs.

    python -m tests.benchmarks.reward --data ../shared/data [--part rules|warm|cost …]

Prints JSON lines. `rules`: 200 simulated ratings by a rule, 300 unseen conversations. `warm`: pairs made from DialogSum
dev by number of ratings, with and without warm start. `cost`: seconds for 200 pairs, and scores per second compared
with the bare encoder.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assistant.scoring.encoder import open_minilm
from assistant.scoring.faithfulness.roles import hear, named_in, sentences
from assistant.scoring.heads import load_head
from training.evaluation.metrics.bootstrap import interval, resamples
from training.reward.bradley_terry import accuracy_of, calibration_error
from training.reward.config import RewardConfig
from training.reward.corruptions import WAYS, Material, made_pairs
from training.reward.feature_head import Table, fit_counted, margins_of
from training.reward.preferences import Pair, Preferences
from training.reward.stage import train_reward
from training.runs.data.datasets import read_rows
from training.runs.run import Run

_REQUESTS = frozenset("ask asks asked request requests wants wanted need needs beg begs".split())  # noqa: SIM905
_LIKED = ("roles", "other conversation", "copied", "padded", "generic")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--part", action="append", choices=list(_PARTS))
    arguments = parser.parse_args()
    for part in arguments.part or _PARTS:
        for row in _PARTS[part](arguments):
            print(json.dumps({"part": part, **row}), flush=True)


def rules(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """200 simulated ratings by a planted rule, and by a coin; judged on 300 unseen conversations."""
    train, dev = _summaries(arguments, "dialogsum_train"), _summaries(arguments, "dialogsum_dev")
    encoder, warm = open_minilm(), load_head("warm")
    for name, rule in _RULES.items():
        tables = [
            Table(list(_ruled(rows, rule, count, seed)), (), warm, encoder)
            for rows, count, seed in ((train, 200, 3), (dev, 300, 4))
        ]
        if name == _COIN:
            yield {"rule": name, **_by_coin(*tables)}
            continue
        margins = margins_of(fit_counted(tables[0], 1), tables[1])
        yield {
            "rule": name,
            **_share(margins, tables[1].clusters),
            "length_only": _share(_longer(tables[1]), [])["value"],
        }


def warm(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Accuracy by number of ratings, on pairs of summaries and versions corrupted in a random way."""
    train, dev = _summaries(arguments, "dialogsum_train"), _summaries(arguments, "dialogsum_dev")
    encoder, start = open_minilm(), load_head("warm")
    for name, given in (("warm start", start), ("none", None)):
        judged = Table(list(_worse(dev, 400, 7)), (), given, encoder)
        everything = Table(list(_worse(train[-1500:], 1000, 6)), (), given, encoder)
        for count in (0, 30, 100, 300, 1000):
            if count:
                margins = margins_of(fit_counted(everything.take(range(count)), 1), judged)
            elif given:
                margins = judged.warm_margins()
            else:
                continue
            yield {
                "start": name,
                "ratings": count,
                **_share(margins, judged.clusters),
                "calibration_error": calibration_error(margins),
                "length_only": _share(_longer(judged), [])["value"],
            }
    for way in ("name", "number", "roles", "one role"):
        made = made_pairs(dev, (way,), 11)
        scores = np.array(start.score([(one.conversation, t) for one in made for t in (one.chosen, one.rejected)]))
        yield {"hallucination": way, **_share(scores[::2] - scores[1::2], [one.conversation for one in made])}


def cost(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Wall and CPU seconds to train on 200 pairs with the encoder, and scores per second compared with the bare
    encoder.
    """
    train = _summaries(arguments, "dialogsum_train")
    pairs = tuple(_worse(train, 200, 5))
    with tempfile.TemporaryDirectory() as place:
        config = RewardConfig(method="lora")
        run = Run.start("reward", config, [], 0, root=Path(place))
        wall, cpu = time.monotonic(), time.process_time()
        made = train_reward(config, Preferences(pairs, (), {"unpaired": {}}), run, Path(place) / "r")
        seconds = {"wall": time.monotonic() - wall, "cpu": time.process_time() - cpu}
        run.close()
        yield {"trained_on": len(pairs), "seconds": seconds, "accuracy": made.figures["accuracy"]}
        yield from _pace([(pair.conversation, pair.chosen) for pair in pairs], str(made.folder), "tuned encoder")
    with tempfile.TemporaryDirectory() as place:
        config = RewardConfig(method="counted", curve=False)
        run = Run.start("reward", config, [], 0, root=Path(place))
        wall, cpu = time.monotonic(), time.process_time()
        train_reward(config, Preferences(pairs, (), {"unpaired": {}}), run, Path(place) / "r")
        yield {"counted": len(pairs), "wall": time.monotonic() - wall, "cpu": time.process_time() - cpu}
        run.close()
        yield from _pace([(pair.conversation, pair.chosen) for pair in pairs], str(Path(place) / "r"), "counted")


def _pace(texts: list[tuple[str, str]], ref: str, name: str) -> Iterator[dict[str, Any]]:
    """Texts per CPU second, interleaved: the reward, and all-MiniLM on each conversation and answer as one text."""
    reward, encoder = load_head(ref, threads=1), open_minilm(1)
    spent: dict[str, list[float]] = {"reward": [], "encoder": []}
    reward.score(texts[:16])
    for first in range(0, len(texts), 50):
        part = texts[first : first + 50]
        for what, call in (
            ("reward", lambda part=part: reward.score(part)),
            ("encoder", lambda part=part: encoder.embed([f"{answer}\n{talk}" for talk, answer in part])),
        ):
            clock = time.process_time()
            call()
            spent[what].append(time.process_time() - clock)
    rates = {what: len(texts) / sum(seconds) for what, seconds in spent.items()}
    yield {"pace": name, **rates, "ratio": rates["reward"] / rates["encoder"]}


def _summaries(arguments: argparse.Namespace, name: str) -> list[tuple[str, str]]:
    rows = [(row["dialogue"], row["summary"]) for row in read_rows(arguments.data / f"{name}.jsonl.gz")]
    random.Random(2).shuffle(rows)
    return rows


def _worse(rows: Sequence[tuple[str, str]], count: int, seed: int) -> Iterator[Pair]:
    """One pair for each conversation, corrupted in a random way."""
    rng = random.Random(seed)
    made = (pair for row in rows for pair in made_pairs([row, rng.choice(rows)], (rng.choice(list(WAYS)),), seed)[:1])
    for pair, _ in zip(made, range(count), strict=False):
        yield Pair(pair.conversation, pair.chosen, pair.rejected)


def _ruled(
    rows: Sequence[tuple[str, str]], rule: Callable[[str, str, random.Random], bool], count: int, seed: int
) -> Iterator[Pair]:
    """One pair for each conversation: a text that follows the rule, preferred to one that breaks it."""
    rng = random.Random(seed)
    for place, (talk, summary) in enumerate(rows):
        material = Material(talk, rows[place - 1][1], rng)
        texts = [summary, " ".join(summary.split()[: rng.randint(5, 16)]) + ".", " ".join(reversed(sentences(summary)))]
        texts += [text for way in _LIKED if (text := WAYS[way](summary, material))]
        said = material.speakers
        if len(said) > 1:
            texts += [f"{said[0]} asks {said[1]} for help. {summary}", f"{summary} {said[1]} asks a question."]
            texts += [summary.replace(said[0], "someone"), summary.replace(said[1], "the other")]
        kept = [text for text in dict.fromkeys(texts) if rule(talk, text, rng)]
        broken = [text for text in dict.fromkeys(texts) if text not in kept]
        if kept and broken and count:
            count -= 1
            yield Pair(talk, rng.choice(kept), rng.choice(broken))


def _by_coin(train: Table, dev: Table, times: int = 10) -> dict[str, Any]:
    """The mean accuracy if a coin decides every pair, over `times` tosses, plus and minus 2 standard errors."""
    rng = np.random.default_rng(5)
    right = []
    for _ in range(times):
        for table in (train, dev):
            for place in np.flatnonzero(rng.random(table.count) < 0.5):
                for rows in (table.columns, table.vectors, table.warm_scores):
                    rows[[2 * place, 2 * place + 1]] = rows[[2 * place + 1, 2 * place]]
        right.append(float(accuracy_of(margins_of(fit_counted(train, 1), dev)).mean()))
    reach = 2 * float(np.std(right, ddof=1)) / times**0.5
    mean = float(np.mean(right))
    return {"value": mean, "low": mean - reach, "high": mean + reach, "n": dev.count, "tosses": times}


_COIN = "a coin"
_RULES: dict[str, Callable[[str, str, random.Random], bool]] = {
    "at most 12 words": lambda talk, text, rng: len(text.split()) <= 12,
    "names two speakers": lambda talk, text, rng: len(named_in(text, hear(talk).speakers)) > 1,
    "mentions a request first": lambda talk, text, rng: bool(_REQUESTS & set(sentences(text)[0].lower().split())),
    _COIN: lambda talk, text, rng: rng.random() < 0.5,
}
_PARTS = {"rules": rules, "warm": warm, "cost": cost}


def _longer(table: Table) -> Any:
    return np.array([len(pair.chosen.split()) - len(pair.rejected.split()) for pair in table.pairs], dtype=np.float64)


def _share(margins: Any, clusters: Sequence[str]) -> dict[str, Any]:
    right = accuracy_of(margins)
    low, high = interval([float(right[at].mean()) for at in resamples(clusters)]) if clusters else (None, None)
    return {"value": float(right.mean()), "low": low, "high": high, "n": len(right)}


if __name__ == "__main__":
    main()
