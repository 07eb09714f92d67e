"""How good summaries are, by number of speakers: ROUGE of a model, and the gains of others over it.

    python -m tests.benchmarks.speakers DIALOGUES.jsonl.gz MODEL [OTHER...]

Uses the default decoding. The ROUGE-1 of each other model has its gain over the first one on the same conversations,
with a 95 % interval (bootstrap over conversations). Conversations that are read in parts are included.
"""

import argparse
import statistics
from pathlib import Path

import numpy as np

from assistant.conversation import Ask, Assistant
from assistant.dialogue import parse
from assistant.records import Dialogue
from assistant.scoring.faithfulness.support import Evidence, unsupported
from assistant.settings import Settings
from training.evaluation.metrics.bootstrap import intervals
from training.evaluation.metrics.case import Case
from training.evaluation.metrics.overlap import rouge
from training.evaluation.summaries import read_cases

_SIZES = {"all": (1, 1000), "two": (1, 2), "three": (3, 3), "four or more": (4, 1000)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("models", nargs="+")
    asked = parser.parse_args()
    cases = read_cases([asked.dialogues])
    talks = [parse(case.dialogue) for case in cases]
    speakers = [len({turn.speaker for turn in talk.turns}) for talk in talks]
    written = {model: _written(model, talks) for model in asked.models}
    print("| speakers | n | model | ROUGE-1 | 2 | L | words | unsupported |")
    print("|---|---|---|---|---|---|---|---|")
    for size, (low, high) in _SIZES.items():
        rows = [index for index, count in enumerate(speakers) if low <= count <= high]
        base = np.empty(0)
        for model, texts in written.items():
            found = [Case(cases[i].id, cases[i].dialogue, cases[i].references, texts[i]) for i in rows]
            scores = np.array([rouge(case)[:3] for case in found])
            base = base if len(base) else scores
            print(f"| {size} | {len(rows)} | {Path(model).name} | {_compared(scores, base)} | {_looks(found)} |")


def _written(model: str, talks: list[Dialogue]) -> list[str]:
    with Assistant(Settings()) as assistant:
        assistant.load(model)
        return [answer.completion.answer for answer in assistant.answers(talks, Ask())]


def _compared(scores: np.ndarray, base: np.ndarray) -> str:
    first, second, last = scores.mean(axis=0)
    more = scores[:, :1] - base[:, :1]
    ((low, high),) = intervals(more, lambda rows: (float(rows.mean()),), [str(i) for i in range(len(more))])
    gain = f" ({more.mean():+.2f} [{low:+.2f}, {high:+.2f}])" if more.any() else ""
    return f"{first:.1f}{gain} | {second:.1f} | {last:.1f}"


def _looks(found: list[Case]) -> str:
    words = statistics.median(len(case.prediction.split()) for case in found)
    wrong = statistics.mean(bool(unsupported(case.prediction, Evidence.of(case.dialogue))) for case in found)
    return f"{words:.0f} | {wrong:.1%}"


if __name__ == "__main__":
    main()
