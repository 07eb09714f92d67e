"""Whether a summary says what the conversation said: names and numbers, what matters, copying, and who did what."""

import re
from collections.abc import Sequence

from assistant.scoring.coverage import coverage
from assistant.scoring.faithfulness.support import unsupported
from assistant.scoring.surface import copying
from training.evaluation.metrics.case import Case
from training.evaluation.metrics.overlap import rouge2

COPY_RUN = 4


def has_unsupported(case: Case) -> bool:
    """Whether it holds a name or number that the conversation does not contain."""
    return bool(unsupported(case.prediction, case.dialogue))


def covered_share(case: Case) -> float:
    """Share of what matters in the conversation that it says, 0 to 1."""
    return coverage(case.dialogue, case.prediction)


def copied_share(case: Case) -> float:
    """Share of its runs of COPY_RUN words that stand in the conversation, 0 to 1."""
    return copying(case.prediction, case.dialogue, size=COPY_RUN)


def exchange(text: str, first: str, second: str) -> str:
    """The text with two speakers' names exchanged, wherever they stand as whole words."""
    other = {first: second, second: first}
    # The longer name first, so that "Ann" does not match in "Ann Lee". `\b` would not hold beside the # of a tag.
    names = "|".join(re.escape(name) for name in sorted(other, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{names})(?!\w)", lambda match: other[match.group()], text)


def follows_swap(original: str, swapped: str, speakers: Sequence[str]) -> bool:
    """Whether the summary of the conversation with exchanged speakers is closer, by ROUGE-2, to the original summary
    with exchanged speakers than to the original summary. A tie is a no.
    """
    expected = exchange(original, speakers[0], speakers[1])
    return rouge2(swapped, expected) > rouge2(swapped, original)


def says_who(case: Case, speakers: Sequence[str]) -> bool | None:
    """Whether the summary is closer, by ROUGE-2, to its references than to them with two speakers exchanged; None where
    it is as close to both, as one is that names nobody.
    """
    right = sum(rouge2(case.prediction, reference) for reference in case.references)
    wrong = sum(rouge2(case.prediction, exchange(reference, *speakers)) for reference in case.references)
    return None if right == wrong else right > wrong
