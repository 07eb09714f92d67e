"""Checks the form of a summary: not empty, not cut off, not repetitive."""

from assistant.scoring.surface import words
from training.evaluation.metrics.case import Case

REPEATED_RUN = 4
_ENDS = (".", "!", "?", '"', "”", "'", "’", ")", "…")


def word_count(case: Case) -> float:
    """Count the words, separated by whitespace."""
    return float(len(case.prediction.split()))


def has_repetition(case: Case) -> bool:
    """Return whether a run of REPEATED_RUN words occurs twice."""
    said = words(case.prediction)
    runs = [tuple(said[start : start + REPEATED_RUN]) for start in range(len(said) - REPEATED_RUN + 1)]
    return len(set(runs)) < len(runs)


def is_empty(case: Case) -> bool:
    """Return whether the summary has no words."""
    return not words(case.prediction)


def is_cut_off(case: Case) -> bool:
    """Return whether the token limit cut the summary off, or it does not end like a sentence."""
    return not is_empty(case) and (case.finished == "length" or not case.prediction.rstrip().endswith(_ENDS))
