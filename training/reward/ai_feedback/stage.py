"""AI feedback: judges drafts by principles (`assistant-train constitution`), after Bai et al. 2022 (arXiv:2212.08073).

The judge checks what can be counted. It asks a model only if the model passes a test. All pairs and revisions have the
rater `constitution`, so that they are never taken for a person's. A reward uses them only on request, and only if the
judge agrees with people more often than chance.
"""

import json
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from assistant.errors import DataMissing, UsageError
from assistant.feedback.agreement import share_of
from assistant.files import write_atomically
from training.reward.ai_feedback.llm_judge import Asker, open_asker
from training.reward.ai_feedback.principles import Principle, Row, load_principles, read_drafts
from training.reward.config import ConstitutionConfig
from training.reward.parts import built_in, parse_terms, weighted
from training.reward.preferences import CONSTITUTION, Pair, read_preferences
from training.runs.job import Job


def run(job: Job[ConstitutionConfig], opener: Callable[..., Asker] = open_asker) -> dict[str, Any]:
    """Run `assistant-train constitution`: judge drafts, write pairs and revisions, measure agreement with people."""
    principles = load_principles(job.config.principles)
    judge = Judge(principles)
    people = read_preferences((job.dev,) if job.dev else ()).pairs
    agreement = judge.agreement(people)
    if not job.data:
        if not people:
            raise DataMissing(
                "nothing to judge: give --data with rows of dialogue, and drafts or --model to write them"
            )
        return {"pairs": 0, "agreement_with_people": agreement}
    if job.out is None:
        raise UsageError("give an output file: -o pairs.jsonl")
    rows = read_drafts(job.data, job.config.max_steps)
    is_asked = bool(job.model) and job.config.ask != "never"
    lacks_drafts = not all(row.drafts for row in rows)
    asker = opener(job.model, job.config, job.report) if is_asked or lacks_drafts else None
    try:
        rows = asker.draft(rows) if asker else rows
        able = asker.probe(rows) if asker and job.config.ask == "auto" else None
        votes = asker if asker and able is not None and able >= job.config.able else None
        pairs = judge.pairs(rows, votes)
        revised = _revisions(rows, judge, votes) if votes else []
    finally:
        if asker:
            asker.close()
    revisions = job.out.with_suffix(f".revisions{job.out.suffix}")
    _write(job.out, pairs)
    if revised:
        _write(revisions, revised)
    return {
        "pairs": len(pairs),
        "conversations": len(rows),
        "by_principle": {one.name: sum(one.name in pair["reasons"] for pair in pairs) for one in principles},
        "revisions": len(revised),
        "asked": {"able": votes is not None, "probe": able},
        "agreement_with_people": agreement,
        "out": str(job.out),
    }


class Judge:
    """Judges texts by principles."""

    def __init__(self, principles: Sequence[Principle]) -> None:
        self.principles = tuple(principles)
        self._terms = [parse_terms(one.checks) for one in principles]
        self._checks = [built_in(terms) for terms in self._terms]

    def kept(self, conversations: Sequence[str], texts: Sequence[str]) -> NDArray[np.float64]:
        """Return how well each text follows each principle, (texts, principles)."""
        columns = [
            weighted(check(conversations, texts), terms, len(texts))
            for check, terms in zip(self._checks, self._terms, strict=True)
        ]
        return np.array(columns, dtype=np.float64).T.reshape(len(texts), len(columns))

    def votes(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return for each principle 1 if the first text follows it better, -1 if the second does, 0 for a tie."""
        apart = first - second
        tolerance = np.array([one.tolerance for one in self.principles])
        return np.asarray(np.where(np.abs(apart) > tolerance + 1e-9, np.sign(apart), 0.0), dtype=np.float64)

    def weigh(self, votes: NDArray[np.float64]) -> float:
        """Return the weighted mean of the votes, from -1 (for the second text) to 1 (for the first)."""
        weights = np.array([one.weight for one in self.principles])
        return float(votes @ weights / weights.sum())

    def pairs(self, rows: Sequence[Row], asker: Asker | None = None) -> list[dict[str, Any]]:
        """Return the pairs of drafts that the principles, or the asker, tell apart, as rows for `feedback import` and
        `assistant-train reward`.
        """
        found = []
        for row in rows:
            drafts = list(dict.fromkeys(text for text in row.drafts if text.strip()))
            kept = self.kept([row.conversation] * len(drafts), drafts)
            for one, other in combinations(range(len(drafts)), 2):
                votes = self.votes(kept[one], kept[other])
                said = self.weigh(votes)
                if asker:
                    said += asker.compare(row.conversation, drafts[one], drafts[other], self.principles)
                if said:
                    chosen, rejected = (one, other) if said > 0 else (other, one)
                    for_it = [p.name for p, vote in zip(self.principles, votes, strict=True) if vote * said > 0]
                    found.append(_pair_line(row, drafts[chosen], drafts[rejected], min(1.0, abs(said)), for_it))
        return found

    def agreement(self, people: Sequence[Pair]) -> dict[str, Any]:
        """Return the share of people's pairs that the principles decide alike, with its interval. Of `n` pairs, only
        the `told_apart` ones count.
        """
        texts = [text for pair in people for text in (pair.chosen, pair.rejected)]
        kept = self.kept([pair.conversation for pair in people for _ in range(2)], texts)
        said = [self.weigh(self.votes(kept[2 * n], kept[2 * n + 1])) for n in range(len(people))]
        decided = [value for value in said if value]
        share = share_of(sum(value > 0 for value in decided), len(decided))
        return {**msgspec.to_builtins(share), "n": len(people), "told_apart": len(decided)}


def check_mixable(people: Sequence[Pair]) -> dict[str, Any]:
    """Return the agreement of the bundled principles with people. Raises UsageError if it is not significantly above
    chance, because such feedback must not be mixed with people's.
    """
    agreement = Judge(load_principles(None)).agreement(people)
    if agreement["low"] is None or agreement["low"] <= 0.5:
        value = (
            "no pair" if agreement["value"] is None else f"{agreement['value']:.0%} of {agreement['told_apart']} pairs"
        )
        raise UsageError(
            f"the principles agree with people on {value}, which is not proven better than a coin: "
            "drop --constitution, or rate more answers"
        )
    return agreement


def _revisions(rows: Sequence[Row], judge: Judge, asker: Asker) -> list[dict[str, Any]]:
    """Return the model's revision of each conversation's best draft, if it follows the principles better."""
    found = []
    for row in rows:
        kept = judge.kept([row.conversation] * len(row.drafts), row.drafts)
        weights = np.array([one.weight for one in judge.principles])
        best = row.drafts[int((kept @ weights).argmax())]
        revised = asker.revise(row.conversation, best, judge.principles)
        before, after = judge.kept([row.conversation] * 2, [best, revised])
        if revised.strip() and judge.weigh(judge.votes(after, before)) > 0:
            found.append({"id": row.id, "dialogue": row.conversation, "summary": revised, "rater": CONSTITUTION})
    return found


def _pair_line(row: Row, chosen: str, rejected: str, confidence: float, reasons: list[str]) -> dict[str, Any]:
    said = {"chosen": chosen, "rejected": rejected, "rater": CONSTITUTION, "confidence": round(confidence, 3)}
    return {"id": row.id, "dialogue": row.conversation, **said, "reasons": reasons}


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    write_atomically(path.absolute(), "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
