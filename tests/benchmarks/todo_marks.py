"""What thirty marks on to-dos gain for a reader who wants only some of them, and how many of those are lost.

    python -m tests.benchmarks.todo_marks FOLDER

FOLDER is as for tests.benchmarks.marks. Three readers are simulated by rules that know no weights: one keeps to-dos
with a time, one those that somebody volunteered for, one those of #Person1# (DialogSum's name for a speaker); each
drops all others. Conversations with at least two to-dos are marked until there are 30 marks, in a separate store. Then
the digests of 150 others are compared, without weights and with those learned from the marks. The marked conversations
are drawn ten times. Precision is the share of the shown to-dos that the reader wants, recall the share of the wanted
ones that are still shown, each over all held-out conversations of a draw, with its 95 % interval (bootstrap over the
held-out conversations, all draws of one together).
"""

import argparse
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from assistant.digest import Todo, make_digest
from assistant.feedback.marks import Mark
from assistant.feedback.store import Store
from assistant.marking import own_weights, todo_numbers
from assistant.records import Dialogue
from tests.benchmarks.marks import read
from tests.builders import a_completion

MARKS, DRAWS, HELD_OUT, LEAST = 30, 10, 150, 2

_RATER = "reader"


class Reader(NamedTuple):
    """A simulated reader, who wants some of the to-dos."""

    name: str
    wants: Callable[[Dialogue, Todo], bool]


READERS = (
    Reader("with a time", lambda dialogue, todo: bool(todo.when)),
    Reader("taken on unasked", lambda dialogue, todo: todo.who == dialogue.turns[todo.turn].speaker),
    Reader("of #Person1#", lambda dialogue, todo: todo.who == "#Person1#"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    dialogues = list(_fitting(parser.parse_args().folder))
    held, rest = dialogues[:HELD_OUT], dialogues[HELD_OUT:]
    print(f"{len(held)} held out, {len(rest)} to mark\n")
    print("| to-dos wanted | wanted of all, % | precision after, % | rise | recall after, % |\n|---|---|---|---|---|")
    for reader in READERS:
        before = np.array([_counts(reader, dialogue, None) for dialogue in held])
        taught = [_taught(reader, rest, seed) for seed in range(DRAWS)]
        after = np.array([[_counts(reader, dialogue, weights) for dialogue in held] for weights in taught]).sum(axis=0)
        print(_row(reader.name, before, after), flush=True)


def _fitting(folder: Path) -> Iterator[Dialogue]:
    talks = list(read(folder))
    random.Random(0).shuffle(talks)
    found = 0
    for talk in talks:
        if len(make_digest(talk.dialogue).todos) >= LEAST:
            yield talk.dialogue
            found += 1
            if found == 3 * HELD_OUT:
                return


def _taught(reader: Reader, dialogues: Sequence[Dialogue], seed: int) -> Mapping[str, float] | None:
    """The weights learned from the reader's marks, through a store."""
    with tempfile.TemporaryDirectory() as place, Store.open(Path(place) / "store.db") as store:
        for mark in _marks(reader, random.Random(seed).sample(dialogues, len(dialogues))):
            store.completions.add([a_completion(mark.completion)])
            store.judgements.judge(mark)
        return own_weights(store, _RATER)


def _marks(reader: Reader, dialogues: Sequence[Dialogue]) -> Iterator[Mark]:
    made = 0
    for dialogue in dialogues:
        for number, todo in enumerate(make_digest(dialogue).todos):
            yield Mark(
                id=f"m{made}",
                created="2026-11-27T10:00:00.000000+00:00",
                rater=_RATER,
                completion=f"c{made}",
                part="todo",
                number=number,
                says="keep" if reader.wants(dialogue, todo) else "drop",
                turn=todo.turn,
                text=todo.text,
                numbers=todo_numbers(dialogue, todo),
            )
            made += 1
            if made == MARKS:
                return
    raise SystemExit(f"too few conversations: {made} of {MARKS} marks")


def _counts(reader: Reader, dialogue: Dialogue, weights: Mapping[str, float] | None) -> tuple[int, int]:
    """The number of to-dos in the digest, and how many of them are wanted."""
    todos = make_digest(dialogue, weights=weights).todos
    return len(todos), sum(reader.wants(dialogue, todo) for todo in todos)


def _row(name: str, before: np.ndarray, after: np.ndarray) -> str:
    """A row of the table. `before` and `after` have shape (conversations, 2); `after` is summed over the draws."""
    drawn = np.random.default_rng(0).choice(len(before), size=(2000, len(before)))
    early, late = ([*counts[drawn].sum(axis=1), counts.sum(axis=0)] for counts in (before, after))
    start = [100 * wanted / all_ for all_, wanted in early]
    precision = [100 * wanted / max(1, all_) for all_, wanted in late]
    recall = [100 * wanted / (DRAWS * former) for (_, wanted), (_, former) in zip(late, early, strict=True)]
    rise = [after - before for after, before in zip(precision, start, strict=True)]
    cells = (_interval(start), _interval(precision), _interval(rise, "+"), _interval(recall))
    return f"| {name} | {' | '.join(cells)} |"


def _interval(values: Sequence[float], sign: str = "") -> str:
    """The last value, and the 95 % interval of those before it."""
    low, high = np.percentile(values[:-1], [2.5, 97.5])
    return f"{values[-1]:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]"


if __name__ == "__main__":
    main()
