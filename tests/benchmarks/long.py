"""How time and memory grow with the length of a conversation: a made-up meeting is split and its prompts are written,
at 5,000 to 40,000 tokens. No model is asked, so what is measured is what Parley adds to it.

python -m tests.benchmarks.long [--model pocket] [--tokens 5000 10000 20000 40000]
"""

import argparse
import random
import time
import tracemalloc

from assistant.dialogue import parse
from assistant.drafting import write_prompts
from assistant.engine.tokens import token_counter
from assistant.models.registry import resolve
from assistant.records import Ask
from assistant.settings import Settings

_WORDS = [
    "budget",
    "review",
    "deadline",
    "report",
    "customer",
    "server",
    "release",
    "contract",
    "meeting",
    "answer",
    "question",
    "plan",
    "room",
    "team",
]


def make_meeting(turns: int, seed: int = 0) -> str:
    """Turns of 5 to 25 words by four people."""
    draw = random.Random(seed)
    people = ("Maya", "Tom", "Ines", "Raj")
    return "\n".join(
        f"{draw.choice(people)}: {' '.join(draw.choices(_WORDS, k=draw.randint(5, 25)))}." for _ in range(turns)
    )


def main() -> None:
    """Print a row for each length."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--model", default="pocket")
    options.add_argument("--tokens", type=int, nargs="+", default=[5_000, 10_000, 20_000, 40_000])
    chosen = options.parse_args()
    model = resolve(chosen.model, Settings())
    count = token_counter(model.folder)
    per_turn = count(make_meeting(200)) / 200
    print("| tokens | turns | parts | CPU s | s per 1,000 tokens | peak MiB |")
    print("|---|---|---|---|---|---|")
    for wanted in chosen.tokens:
        text = make_meeting(round(wanted / per_turn))
        tokens = count(text)
        started = time.process_time()
        dialogue = parse(text)
        parts = write_prompts(dialogue, Ask(), model)
        seconds = time.process_time() - started
        ends = [(part.start, part.end) for part in parts]
        covered = [turn for start, end in ends for turn in range(start, end)]
        assert covered == list(range(len(dialogue.turns))), "a turn is in no core, or in two"
        tracemalloc.start()
        write_prompts(parse(text), Ask(), model)
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        print(
            f"| {tokens:,} | {len(dialogue.turns):,} | {len(parts)} | {seconds:.2f} | {1000 * seconds / tokens:.4f} "
            f"| {peak:.1f} |"
        )


if __name__ == "__main__":
    main()
