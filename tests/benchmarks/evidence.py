"""Whether the turns given as evidence for a sentence are those of its own conversation.

There are no labels, so known cases are constructed: a reference summary is compared with the turns of its own
conversation and of three others, mixed as whole blocks. A sentence is right if it has evidence and all of it is from
its own conversation. Missing evidence is not detected. Prints a Markdown table.

Then the verdicts that the reader sees: those on each summary's sentences, and those on the same sentences compared with
the next conversation, where none is right.

    python tests/benchmarks/evidence.py --data dialogsum_dev.jsonl.gz [-n 120]
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from assistant.dialogue import parse
from assistant.feedback.agreement import share_of
from assistant.records import Dialogue
from assistant.scoring.faithfulness.attribution import Similarity, attribute
from assistant.scoring.faithfulness.verdicts import verdicts
from assistant.scoring.similarity import open_similarity
from training.runs.data.datasets import read_rows

OTHERS = 3
SEED = 3


def mixed(dialogues: Sequence[Dialogue], place: int) -> tuple[Dialogue, list[bool]]:
    """A conversation mixed with others, and for each turn whether it is its own."""
    draw = random.Random(SEED + place)
    blocks = [place, *draw.sample([other for other in range(len(dialogues)) if other != place], OTHERS)]
    draw.shuffle(blocks)
    turns = [turn for block in blocks for turn in dialogues[block].turns]
    own = [block == place for block in blocks for _ in dialogues[block].turns]
    return Dialogue(turns=tuple(turns), format="mixed"), own


def row(name: str, dialogues: Sequence[Dialogue], summaries: Sequence[str], similarity: Similarity | None) -> str:
    """A row: sentences, share with evidence, turns each, share of turns from its conversation, share of right ones."""
    sentences = covered = chosen = own = right = 0
    for place, summary in enumerate(summaries):
        dialogue, is_own = mixed(dialogues, place)
        for ground in attribute(summary, dialogue, similarity):
            hits = [is_own[turn] for turn in ground.turns]
            sentences, covered, chosen = sentences + 1, covered + bool(hits), chosen + len(hits)
            own, right = own + sum(hits), right + (bool(hits) and all(hits))
    share = share_of(right, sentences)
    return (
        f"| {name} | {sentences} | {covered / sentences:.1%} | {chosen / max(covered, 1):.2f} | {own / chosen:.1%} | "
        f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}] |"
    )


def told(name: str, dialogues: Sequence[Dialogue], summaries: Sequence[str], shift: int) -> str:
    """A row: the shares of sentences said, partly said and not found, and of those whose speaker is doubted."""
    count: Counter[str] = Counter()
    for place, summary in enumerate(summaries):
        dialogue = dialogues[(place + shift) % len(dialogues)]
        for verdict in verdicts(summary, dialogue, attribute(summary, dialogue)):
            count.update([verdict.found, *(["check who"] if verdict.doubted else [])])
    total = count["said"] + count["partly"] + count["not found"]
    cells = [share_of(count[what], total) for what in ("said", "partly", "not found", "check who")]
    shares = " | ".join(f"{cell.value:.1%} [{cell.low:.1%}, {cell.high:.1%}]" for cell in cells)
    return f"| {name} | {total} | {shares} |"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-n", type=int, default=120)
    options = parser.parse_args()
    rows = random.Random(SEED).sample(list(read_rows(options.data)), options.n)
    dialogues = [parse(str(one["dialogue"])) for one in rows]
    summaries = [str(one["summary"] if "summary" in one else one["summaries"][0]) for one in rows]
    print("| by | sentences | with turns | turns each | turns that are its own | right |\n|---|---|---|---|---|---|")
    print(row("shared words, names, numbers", dialogues, summaries, None))
    print(row("and meaning (all-MiniLM)", dialogues, summaries, open_similarity()))
    print("\n| held against | sentences | said | partly | not found | check who |\n|---|---|---|---|---|---|")
    print(told("its own conversation", dialogues, summaries, 0))
    print(told("the next conversation", dialogues, summaries, 1))


if __name__ == "__main__":
    main()
