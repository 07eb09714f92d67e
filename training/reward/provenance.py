"""Identifies the learned reward of a run, which is fixed at the start and checked on resume."""

from collections.abc import Sequence

from assistant.scoring.heads import NEWEST, default_reward, find_reward
from training.reward.parts import RewardTerm, parse_terms
from training.runs.data.datasets import content_hash

LEARNED = ("human", "doubt")
"""The parts learned from ratings."""


def settled(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the terms with an explicit version for each learned reward, in place of the newest or the default."""
    return tuple(
        f"{text.partition(':')[0].strip()}:{_ref(term)}" if term.part in LEARNED else text
        for text, term in zip(texts, parse_terms(texts), strict=True)
    )


def fingerprint(terms: Sequence[RewardTerm]) -> str:
    """Return a hash of the files of the learned rewards among the terms, or "" if there are none."""
    folders = [find_reward(_ref(term)) for term in terms if term.part in LEARNED]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return content_hash(files) if files else ""


def _ref(term: RewardTerm) -> str:
    ref = term.setting or default_reward()
    return find_reward(NEWEST).name if ref == NEWEST else ref
