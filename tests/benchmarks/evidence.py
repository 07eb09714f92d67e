"""Whether the turns that a sentence is said to rest on are those of its own conversation.

Nobody has marked them, so they are made known: a reference summary is held against the turns of its own conversation
and of three others, mixed as whole blocks. A sentence is right where it has turns and all are its own; one that names
too few of them is not seen. Prints a Markdown table.

Then what the reader is told: the verdicts on each summary's sentences, beside those on the same sentences held against
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
    """One conversation among others, and which of the turns are its own."""
    draw = random.Random(SEED + place)
    blocks = [place, *draw.sample([other for other in range(len(dialogues)) if other != place], OTHERS)]
    draw.shuffle(blocks)
    turns = [turn for block in blocks for turn in dialogues[block].turns]
    own = [block == place for block in blocks for _ in dialogues[block].turns]
    return Dialogue(turns=tuple(turns), format="mixed"), own


def row(name: str, dialogues: Sequence[Dialogue], summaries: Sequence[str], similarity: Similarity | None) -> str:
    """Sentences, those with turns, the turns of each, how many turns are its own, and sentences that are right."""
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
    """Of the sentences, how many are said, partly said and not found, and of how many the speaker is doubted."""
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
    """Both ways on the same mixtures."""
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
