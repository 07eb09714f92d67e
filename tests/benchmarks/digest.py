"""How many of the facts that a reader needs are in a digest, compared with other ways to choose sentences.

    python -m tests.benchmarks.digest [TALKS.jsonl]

TALKS has a conversation per line: `text`, and `facts` and `actions` as lists of {"all": [[words], ...]}. A fact is in a
text if the text has a word of every list. Without TALKS, the conversations are those that the weights were learned
from, and the learned score is cross-validated. Every row may use the same number of words, speakers' names included.
TextRank (Mihalcea and Tarau 2004) and LexRank (Erkan and Radev 2004) rank sentences by networkx's PageRank. The ceiling
chooses sentences greedily and knows the facts. Each share has its 95 % interval (bootstrap over conversations).
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import networkx as nx
import numpy as np

from assistant.dialogue import parse
from assistant.digest import make_digest, todo_line
from assistant.digest.hearing import Heard, Sentence, hear
from assistant.digest.weighing import bundled_weights
from training.digest.talks import Needed, Talk, read_talks
from training.digest.teach import FOLDS, read_prior, shown, teach

_LENGTHS = (65, 110)
Rank = Callable[[Heard], Sequence[float]]
Make = Callable[[Talk, int], str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("talks", type=Path, nargs="?")
    path = parser.parse_args().talks
    talks = read_file(path) if path else read_talks()
    weights = {talk.name: bundled_weights() for talk in talks} if path else held_out(talks)
    ways: dict[str, Make] = {
        **{name: by_rank(rank) for name, rank in RANKS.items()},
        "Parley, weights set by hand": lambda talk, words: digest(talk, words, read_prior()),
        "Parley": lambda talk, words: digest(talk, words, weights[talk.name]),
        "ceiling: knows the facts": ceiling,
    }
    print(f"n = {len(talks)} conversations, {sum(len(talk.facts) for talk in talks)} facts\n")
    print(
        "| | " + " | ".join(f"facts in {words} words, %" for words in _LENGTHS) + " |\n|---|" + "---|" * len(_LENGTHS)
    )
    for name, make in ways.items():
        cells = [interval([share(talk.facts, make(talk, words)) for talk in talks]) for words in _LENGTHS]
        print(f"| {name} | " + " | ".join(cells) + " |")
    todos = ["\n".join(map(todo_line, make_digest(talk.dialogue, weights=weights[talk.name]).todos)) for talk in talks]
    found = [share(talk.actions, text) for talk, text in zip(talks, todos, strict=True) if talk.actions]
    print(f"\nactions in the to-dos of a digest of default length: {interval(found)} % (n = {len(found)})")
    start = time.perf_counter()
    for talk in talks:
        make_digest(talk.dialogue)
    print(f"time for a digest: {1000 * (time.perf_counter() - start) / len(talks):.0f} ms on average")


def read_file(path: Path) -> tuple[Talk, ...]:
    """Read conversations from a file of JSON Lines."""
    return tuple(
        Talk(name=row["id"], dialogue=parse(row["text"]), facts=needed(row["facts"]), actions=needed(row["actions"]))
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    )


def needed(items: Sequence[dict[str, list[list[str]]]]) -> tuple[Needed, ...]:
    return tuple(
        Needed(text="", words=tuple(tuple(word.lower() for word in group) for group in item["all"])) for item in items
    )


def held_out(talks: Sequence[Talk]) -> dict[str, dict[str, float]]:
    """For each conversation, by name, weights that were learned without it."""
    taught = [teach([talk for at, talk in enumerate(talks) if at % FOLDS != fold]) for fold in range(FOLDS)]
    return {talk.name: taught[at % FOLDS] for at, talk in enumerate(talks)}


def digest(talk: Talk, words: int, weights: dict[str, float]) -> str:
    return shown(make_digest(talk.dialogue, words=words, weights=weights))


def by_rank(rank: Rank) -> Make:
    """The sentences that rank highest and fit, best first, as text."""

    def make(talk: Talk, words: int) -> str:
        heard = hear(talk.dialogue)
        order = np.argsort([-score for score in rank(heard)], kind="stable")
        return fill([heard.sentences[at] for at in order], words)

    return make


def fill(sentences: Sequence[Sentence], words: int) -> str:
    kept: list[str] = []
    for sentence in sentences:
        line = f"{sentence.speaker}: {sentence.text}"
        if len(line.split()) <= words:
            words -= len(line.split())
            kept.append(line)
    return "\n".join(kept)


def likeness(heard: Heard) -> np.ndarray:
    """The cosines of the sentences' tf-idf vectors, shape (sentences, sentences)."""
    names = sorted(heard.weights)
    held = [sum(name in sentence.stems for sentence in heard.sentences) for name in names]
    idf = [math.log(len(heard.sentences) / count) + 1 if count else 0.0 for count in held]
    rows = np.array(
        [[value * (name in one.stems) for name, value in zip(names, idf, strict=True)] for one in heard.sentences]
    )
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return rows @ rows.T


def lexrank(heard: Heard) -> list[float]:
    alike = likeness(heard)
    np.fill_diagonal(alike, 0.0)
    return ranked(np.where(alike > 0.1, alike, 0.0))


def textrank(heard: Heard) -> list[float]:
    """TextRank with the similarity of the paper: shared words over the sum of the logarithms of both lengths."""
    size = len(heard.sentences)
    alike = np.zeros((size, size))
    for a, first in enumerate(heard.sentences):
        for b, second in enumerate(heard.sentences[:a]):
            length = math.log(len(first.stems) + 1) + math.log(len(second.stems) + 1)
            alike[a, b] = alike[b, a] = len(first.stems & second.stems) / length if length else 0.0
    return ranked(alike)


def ranked(alike: np.ndarray) -> list[float]:
    scores = nx.pagerank(nx.from_numpy_array(alike))
    return [scores[at] for at in range(len(alike))]


def centroid(heard: Heard) -> list[float]:
    return likeness(heard).mean(axis=1).tolist()


def ceiling(talk: Talk, words: int) -> str:
    heard = hear(talk.dialogue)
    left, chosen, text = list(heard.sentences), list[Sentence](), ""

    def worth(sentence: Sentence) -> float:
        with_it = f"{text}\n{sentence.speaker}: {sentence.text}"
        gain = sum(len(fact.groups_in(with_it)) / len(fact.words) + fact.is_in(with_it) for fact in talk.facts)
        return gain - 0.001 * len(sentence.text.split())

    while left:
        best = max(left, key=worth)
        left.remove(best)
        chosen.append(best)
        text = fill(chosen, words)
    return text


def share(items: Sequence[Needed], text: str) -> float:
    return sum(item.is_in(text) for item in items) / len(items)


def interval(values: Sequence[float]) -> str:
    draws = np.random.default_rng(0).choice(np.array(values), size=(2000, len(values))).mean(axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return f"{100 * np.mean(values):.1f} [{100 * low:.1f}, {100 * high:.1f}]"


RANKS: dict[str, Rank] = {
    "first sentences": lambda heard: [-sentence.place for sentence in heard.sentences],
    "longest sentences": lambda heard: [len(sentence.text) for sentence in heard.sentences],
    "TextRank": textrank,
    "LexRank": lexrank,
    "centroid": centroid,
}

if __name__ == "__main__":
    main()
