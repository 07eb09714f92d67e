"""The gain from choosing among beams by the conversation's own words: ROUGE of the chosen beams, by weight.

    python -m tests.benchmarks.choosing DIALOGUES.jsonl.gz [--model REF] [--beams 4]

All rows use the same beams, which the model draws without any choice. Conversations that are read in parts are left
out. Only beams whose names and numbers are in the conversation compete, or all if there is none. The chosen one has the
highest log-probability per token plus weight times the share of its content words that are in the conversation. The
product's weight is `_OWN_WORDS` in `assistant/drafting/drawing.py`; its second attempt with banned words is left out.
Each ROUGE-1 has its gain over the likeliest beam's, with a 95 % interval (bootstrap over conversations).
"""

import argparse
import statistics
from pathlib import Path

import numpy as np

from assistant.dialogue import parse
from assistant.drafting import draw
from assistant.drafting.asking import write_prompts
from assistant.engine.client import Engine
from assistant.models.registry import resolve
from assistant.records import Ask, Draft, GenerationSettings
from assistant.scoring.faithfulness.attribution import stems
from assistant.scoring.faithfulness.support import Evidence, unsupported
from assistant.settings import Settings
from training.evaluation.metrics.bootstrap import intervals
from training.evaluation.metrics.case import Case
from training.evaluation.metrics.overlap import rouge
from training.evaluation.summaries import read_cases

_WEIGHTS = (0.0, 1.0, 3.0, 10.0, 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--beams", type=int, default=4)
    asked = parser.parse_args()
    model = resolve(asked.model, Settings())
    settings = GenerationSettings(faithful="off", beams=asked.beams, drafts=asked.beams)
    cases = read_cases([asked.dialogues])
    groups = [write_prompts(parse(case.dialogue), Ask(settings=settings), model) for case in cases]
    whole = [(case, *group) for case, group in zip(cases, groups, strict=True) if len(group) == 1]
    with Engine() as engine:
        engine.load(model, "ctranslate")
        drawn = draw(engine, [part for _, part in whole], settings)
    found = [_weighed(case, drafts) for (case, _), drafts in zip(whole, drawn.finished.drafts, strict=True)]
    print(f"n = {len(found)} of {len(cases)}, {asked.beams} beams")
    print("| weight | ROUGE-1 | 2 | L | words |")
    print("|---|---|---|---|---|")
    base: list[tuple[float, ...]] = []
    for weight in _WEIGHTS:
        chosen = [max(beams, key=lambda beam: (beam[0], beam[1] + weight * beam[2])) for beams in found]
        scores = [
            rouge(Case(case.id, case.dialogue, case.references, beam[3]))
            for (case, _), beam in zip(whole, chosen, strict=True)
        ]
        base = base or scores
        print(_row(weight, scores, base, statistics.median(len(beam[3].split()) for beam in chosen)))


def _weighed(case: Case, drafts: tuple[Draft, ...]) -> list[tuple[bool, float, float, str]]:
    """For each beam: whether it is supported, its log-probability per token, its share of own words, and its text."""
    evidence, said = Evidence.of(case.dialogue), stems(case.dialogue)
    beams = []
    for draft in drafts:
        words = stems(draft.text)
        share = len(words & said) / max(1, len(words))
        beams.append((not unsupported(draft.text, evidence), draft.score or 0.0, share, draft.text))
    return beams


def _row(weight: float, scores: list[tuple[float, ...]], base: list[tuple[float, ...]], words: float) -> str:
    first, second, last = np.mean(scores, axis=0)[:3]
    more = np.array(scores)[:, :1] - np.array(base)[:, :1]
    ((low, high),) = intervals(more, lambda rows: (float(rows.mean()),), [str(i) for i in range(len(more))])
    name = "the share alone" if weight > 1e3 else f"{weight:g}"
    gain = f"{more.mean():+.2f} [{low:+.2f}, {high:+.2f}]"
    return f"| {name} | {first:.1f} ({gain}) | {second:.1f} | {last:.1f} | {words:.0f} |"


if __name__ == "__main__":
    main()
