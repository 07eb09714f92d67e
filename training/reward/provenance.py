"""Identifies the learned reward that a run uses: fixed at the start, checked on resume."""

from collections.abc import Sequence

from assistant.scoring.heads import NEWEST, default_reward, find_reward
from training.reward.parts import RewardTerm, parse_terms
from training.runs.data.datasets import content_hash

LEARNED = ("human", "doubt")
"""The parts that were learnt from ratings."""


def settled(texts: Sequence[str]) -> tuple[str, ...]:
    """The terms with the newest learnt reward, where that is asked for, named as the version that it is now."""
    return tuple(
        f"{text.partition(':')[0].strip()}:{_ref(term)}" if term.part in LEARNED else text
        for text, term in zip(texts, parse_terms(texts), strict=True)
    )


def fingerprint(terms: Sequence[RewardTerm]) -> str:
    """A hash of the files of the learnt rewards among the terms; empty where there are none."""
    folders = [find_reward(_ref(term)) for term in terms if term.part in LEARNED]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return content_hash(files) if files else ""


def _ref(term: RewardTerm) -> str:
    ref = term.setting or default_reward()
    return find_reward(NEWEST).name if ref == NEWEST else ref
