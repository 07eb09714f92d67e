"""Writes what docs/pocket.md shows of the bundled model: the curve of its training and ten of its summaries.

    python docs/pocket.py --data dialogsum_dev.jsonl.gz [--run FOLDER]

The ten conversations are drawn by a fixed seed, and nobody has a say in which. Their texts are not ours to print: the
table names them by their place in the file.
"""

import argparse
import random
from pathlib import Path

from assistant.conversation import Ask, Assistant
from assistant.dialogue import parse
from assistant.settings import Settings
from training.runs.curves import CURVES, write_curves
from training.runs.data.datasets import read_rows
from training.runs.run import read_metrics

SEED = 20261121
COUNT = 10


def main() -> None:
    """Write docs/pocket.png, where a run is given, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path)
    arguments = parser.parse_args()
    if arguments.run:
        curve = Path(__file__).with_suffix(".png")
        write_curves(read_metrics(arguments.run / "metrics.jsonl"), CURVES["pocket"], curve)
    rows = list(read_rows(arguments.data))
    places = sorted(random.Random(SEED).sample(range(len(rows)), COUNT))
    with Assistant(Settings()) as assistant:
        assistant.load("pocket")
        answers = assistant.answers([parse(rows[place]["dialogue"]) for place in places], Ask())
    print("| row | pocket wrote |\n|---|---|")
    for place, answer in zip(places, answers, strict=True):
        print(f"| {place + 1} | {answer.completion.answer} |")


if __name__ == "__main__":
    main()
