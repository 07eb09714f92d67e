"""An exact prompt -> the conversation in it: the way back of `render`. Knows the templates, no model."""

import re
from functools import lru_cache

from assistant.prompts.modes import TASKS


def conversation_in(prompt: str) -> str:
    """The conversation that a prompt asks about, without instruction and solved examples.

    The prompt itself where it follows none of the templates.
    """
    starts = [0, *(match.end() for match in re.finditer(r"\n\n\n", prompt))]
    for start in reversed(starts):
        for pattern in _patterns():
            if found := pattern.fullmatch(prompt[start:].strip()):
                return found["dialogue"].strip()
    return prompt.strip()


@lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], ...]:
    """One for each wording, the longest first; the last line may be another than the wording's (reasoning)."""
    wordings = {phrasing.text for task in TASKS.values() for phrasing in task.phrasings}
    made = []
    for wording in sorted(wordings, key=len, reverse=True):
        before, _, after = wording.partition("{dialogue}")
        made.append(re.compile(rf"{re.escape(before.strip())}\s*(?P<dialogue>.+?)\s*{re.escape(after.strip())}", re.S))
    return tuple(made)
