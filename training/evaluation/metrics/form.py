"""Whether a summary is well formed: there, ended, not looping."""

from assistant.scoring.surface import words
from training.evaluation.metrics.case import Case

REPEATED_RUN = 4
_ENDS = (".", "!", "?", '"', "”", "'", "’", ")", "…")


def word_count(case: Case) -> float:
    """Number of words, parted by white space."""
    return float(len(case.prediction.split()))


def has_repetition(case: Case) -> bool:
    """Whether some REPEATED_RUN words in a row come again."""
    said = words(case.prediction)
    runs = [tuple(said[start : start + REPEATED_RUN]) for start in range(len(said) - REPEATED_RUN + 1)]
    return len(set(runs)) < len(runs)


def is_empty(case: Case) -> bool:
    """Whether there is no word in it."""
    return not words(case.prediction)


def is_cut_off(case: Case) -> bool:
    """Whether the token limit ended it, or it ends without a mark that ends a sentence."""
    return not is_empty(case) and (case.finished == "length" or not case.prediction.rstrip().endswith(_ENDS))
