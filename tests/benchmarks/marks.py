"""What thirty marks on parts of digests gain for a reader with one interest, and what they cost other readers.

    python -m tests.benchmarks.marks FOLDER

FOLDER contains dialogsum_train, samsum_train and tweetsumm as .jsonl.gz, with "dialogue" and "summary" or "summaries"
per line. Two readers are simulated, by rules that know no weights: one keeps points with a sum of money or a
percentage, the other keeps decisions; each drops all other points. Each marks digests of conversations with at least
three such things (and at least 120 words) until there are 30 marks. Then digests of other such conversations are
compared: with the bundled weights and with the reader's own. The marked conversations are drawn ten times. Each mean
has its 95 % interval (bootstrap over the held-out conversations, each with its mean over the draws).

"others": on held-out conversations drawn regardless of amounts and decisions, the share of the digest's words that are
also in the reference summary, which is what a reader without such interests would keep.
"""

import argparse
import gzip
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from assistant.dialogue import parse
from assistant.digest import Digest, Point, make_digest
from assistant.digest.hearing import hear
from assistant.digest.replies import settles
from assistant.digest.spans import stems
from assistant.errors import AssistantError
from assistant.feedback.marks import Mark
from assistant.marking import numbers_of
from assistant.marking.weights import PULL, taught
from assistant.records import Dialogue

FILES = ("dialogsum_train", "samsum_train", "tweetsumm")
MARKS, DRAWS, HELD_OUT, LEAST, LEAST_WORDS = 30, 10, 100, 3, 120
_UNITS = r"(?:dollars?|euros?|pounds?|bucks|cents?|yuan|percent|per cent|%)"
_NUMBER = r"(?:\d[\d.,]*|ten|twenty|thirty|forty|fifty|hundred|thousand|million|two|three|four|five|six)"
_AMOUNT = re.compile(rf"[$€£]\s?\d|{_NUMBER}\s?{_UNITS}(?!\w)", re.IGNORECASE)

Weights = dict[str, float] | None


class Talk(NamedTuple):
    """A conversation and its reference summary."""

    dialogue: Dialogue
    summary: str


class Reader(NamedTuple):
    """A simulated reader: counts what it wants in a conversation, and says whether it wants a point."""

    name: str
    count: Callable[[Dialogue], int]
    wants: Callable[[Point], bool]


def _decisions(dialogue: Dialogue) -> int:
    heard = hear(dialogue)
    return sum(settles(heard, sentence) for sentence in heard.sentences)


READERS = (
    Reader(
        "amounts",
        lambda dialogue: sum(len(_AMOUNT.findall(turn.text)) for turn in dialogue.turns),
        lambda point: _AMOUNT.search(point.text) is not None,
    ),
    Reader("decisions", _decisions, lambda point: point.kind == "decision"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pull", type=float, help="another pull towards the bundled weights")
    options = parser.parse_args()
    if options.pull:
        import assistant.marking.weights as module

        module.PULL = options.pull
    talks = list(read(options.folder))
    random.Random(0).shuffle(talks)
    print(f"{len(talks)} conversations of {LEAST_WORDS} words or more, {MARKS} marks, pull {options.pull or PULL}\n")
    print("| reader | digest | held out | bundled weights, % | own weights, % | rise |\n|---|---|---|---|---|---|")
    ordinary = talks[:HELD_OUT]
    for reader in READERS:
        fitting = [talk for talk in talks[HELD_OUT:] if reader.count(talk.dialogue) >= LEAST][: 4 * HELD_OUT]
        size = min(HELD_OUT, len(fitting) * 2 // 3)
        held, taught_on = fitting[:size], fitting[size:]
        for words in (None, 40):
            own = [taught(marks(reader, taught_on, words, seed)) for seed in range(DRAWS)]
            length = f"{words} words" if words else "default"
            row(reader.name, length, held, own, words, lambda talk, digest, reader=reader: precision(reader, digest))
            row(f"{reader.name}: others", length, ordinary, own, words, shared)


def read(folder: Path) -> Iterator[Talk]:
    for name in FILES:
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for found in map(json.loads, lines):
                summary = found.get("summary") or " ".join(map(str, found.get("summaries", ())))
                if len(found["dialogue"].split()) >= LEAST_WORDS:
                    try:
                        yield Talk(parse(found["dialogue"]), summary)
                    except AssistantError:
                        continue


def marks(reader: Reader, talks: Sequence[Talk], words: int | None, seed: int) -> list[Mark]:
    """The reader's marks, in the order of reading."""
    made: list[Mark] = []
    for talk in random.Random(seed).sample(talks, len(talks)):
        for number, point in enumerate(make_digest(talk.dialogue, words=words).points):
            made.append(
                Mark(
                    id=f"m{len(made)}",
                    created="",
                    rater="reader",
                    completion="c",
                    part=point.kind,
                    number=number,
                    says="keep" if reader.wants(point) else "drop",
                    turn=point.turn,
                    text=point.text,
                    numbers=numbers_of(talk.dialogue, point.turn, point.start, point.end),
                )
            )
            if len(made) == MARKS:
                return made
    raise SystemExit(f"too few conversations: {len(made)} of {MARKS} marks")


def precision(reader: Reader, digest: Digest) -> float:
    """The share of the points that the reader wants."""
    return float(np.mean([reader.wants(point) for point in digest.points])) if digest.points else 0.0


def shared(talk: Talk, digest: Digest) -> float:
    """The share of the points' words that are also in the reference summary."""
    cues = hear(talk.dialogue).cues
    said = [word for point in digest.points for word in stems(point.text, cues)]
    wanted = set(stems(talk.summary, cues))
    return float(np.mean([word in wanted for word in said])) if said else 0.0


def row(
    name: str,
    length: str,
    held: Sequence[Talk],
    own: Sequence[Weights],
    words: int | None,
    measure: Callable[[Talk, Digest], float],
) -> None:
    before = [measure(talk, make_digest(talk.dialogue, words=words)) for talk in held]
    after = [
        float(np.mean([measure(talk, make_digest(talk.dialogue, words=words, weights=one)) for one in own]))
        for talk in held
    ]
    rise = [late - early for early, late in zip(before, after, strict=True)]
    cells = (interval(before), interval(after), interval(rise, sign="+"))
    print(f"| {name} | {length} | {len(held)} | {' | '.join(cells)} |", flush=True)


def interval(values: Sequence[float], sign: str = "") -> str:
    draws = np.random.default_rng(0).choice(np.array(values), size=(2000, len(values))).mean(axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return f"{100 * np.mean(values):{sign}.1f} [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


if __name__ == "__main__":
    main()
