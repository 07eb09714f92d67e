"""How time and memory grow with the length of a conversation, from 5,000 to 40,000 tokens.

A made-up meeting is split, and its prompts are written. No model is asked, so only Parley's own cost is measured. With
--ask, the model writes a summary of every part, greedily and with at most 32 tokens, in a worker whose memory is
measured after each length.

    python -m tests.benchmarks.long [--model pocket] [--tokens 5000 10000 20000 40000] [--ask]
"""

import argparse
import random
import time
import tracemalloc

import psutil

from assistant.conversation import Assistant
from assistant.dialogue import parse
from assistant.drafting import write_prompts
from assistant.engine.protocol import Progress
from assistant.engine.tokens import token_counter
from assistant.models.registry import resolve
from assistant.records import Ask, GenerationSettings
from assistant.settings import ModelSettings, Settings

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
    """A meeting of four people with turns of 5 to 25 words."""
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
    options.add_argument("--ask", action="store_true")
    chosen = options.parse_args()
    model = resolve(chosen.model, Settings())
    if chosen.ask:
        ask(chosen.model, chosen.tokens)
        return
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


def ask(ref: str, lengths: list[int]) -> None:
    """Print a row for each length: the worker's cost, and the number of progress reports."""
    greedy = GenerationSettings(decoding="greedy", faithful="off", max_new_tokens=32)
    print("| tokens | turns | parts | worker's CPU s | s per 1,000 tokens | worker's MiB | progress told |")
    print("|---|---|---|---|---|---|---|")
    with Assistant(Settings(model=ModelSettings(ref=ref, threads=1))) as assistant:
        count = token_counter(assistant.load().model.folder)
        worker = psutil.Process(assistant.engine.process_id)
        per_turn = count(make_meeting(200)) / 200
        for wanted in lengths:
            text = make_meeting(round(wanted / per_turn))
            tokens, told = count(text), list[Progress]()
            before = sum(worker.cpu_times()[:2])
            answer = assistant.answer(parse(text), Ask(settings=greedy), told.append)
            seconds = sum(worker.cpu_times()[:2]) - before
            rate = 1000 * seconds / tokens
            print(
                f"| {tokens:,} | {answer.turns:,} | {len(answer.parts)} | {seconds:.1f} | {rate:.2f} "
                f"| {worker.memory_info().rss / 2**20:.0f} | {len(told)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
