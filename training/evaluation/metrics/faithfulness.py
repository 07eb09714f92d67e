"""Measures faithfulness to the conversation: names and numbers, coverage, copying, and who did what."""

import re
from collections.abc import Sequence

from assistant.scoring.coverage import coverage
from assistant.scoring.faithfulness.support import unsupported
from assistant.scoring.surface import copying
from training.evaluation.metrics.case import Case
from training.evaluation.metrics.overlap import rouge2

COPY_RUN = 4


def has_unsupported(case: Case) -> bool:
    """Return whether the summary has a name or number that is not in the conversation."""
    return bool(unsupported(case.prediction, case.dialogue))


def covered_share(case: Case) -> float:
    """Return the share of what matters in the conversation that the summary says, 0 to 1."""
    return coverage(case.dialogue, case.prediction)


def copied_share(case: Case) -> float:
    """Return the share of the summary's runs of COPY_RUN words that occur in the conversation, 0 to 1."""
    return copying(case.prediction, case.dialogue, size=COPY_RUN)


def exchange(text: str, first: str, second: str) -> str:
    """Exchange two speakers' names in the text, where they occur as whole words."""
    other = {first: second, second: first}
    # The longer name first, so that "Ann" does not match in "Ann Lee". `\b` does not match next to the # of a tag.
    names = "|".join(re.escape(name) for name in sorted(other, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{names})(?!\w)", lambda match: other[match.group()], text)


def follows_swap(original: str, swapped: str, speakers: Sequence[str]) -> bool:
    """Return whether `swapped`, the summary of the conversation with exchanged speakers, is closer by ROUGE-2 to the
    original summary with exchanged speakers than to the original summary. A tie gives False.
    """
    expected = exchange(original, speakers[0], speakers[1])
    return rouge2(swapped, expected) > rouge2(swapped, original)


def says_who(case: Case, speakers: Sequence[str]) -> bool | None:
    """Return whether the summary is closer by ROUGE-2 to its references than to the references with two speakers
    exchanged. None if it is equally close to both, for example because it names nobody.
    """
    right = sum(rouge2(case.prediction, reference) for reference in case.references)
    wrong = sum(rouge2(case.prediction, exchange(reference, *speakers)) for reference in case.references)
    return None if right == wrong else right > wrong
