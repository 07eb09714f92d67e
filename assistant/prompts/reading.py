"""Extracts the conversation from a prompt: the inverse of `render`."""

import re
from functools import lru_cache

from assistant.prompts.modes import TASKS, reasoning_text
from assistant.prompts.render import NOTE


def conversation_in(prompt: str) -> str:
    """Return the conversation in a prompt, without instruction and solved examples.

    A prompt that matches no template is returned unchanged.
    """
    for task in TASKS.values():
        prompt = prompt.strip().removesuffix(
            reasoning_text().replace("{noun}", task.noun).partition("{instruction}")[2].strip()
        )
    wordings = frozenset(phrasing.text.strip() for task in TASKS.values() for phrasing in task.phrasings)
    starts = [0, *(match.end() for match in re.finditer(r"\n\n\n", prompt))]
    for start in reversed(starts):
        for pattern in _patterns(wordings):
            if found := pattern.fullmatch(prompt[start:].strip()):
                return found["dialogue"].strip()
    return prompt.strip()


@lru_cache(maxsize=1)
def _patterns(whole: frozenset[str]) -> tuple[re.Pattern[str], ...]:
    """Return a pattern for each wording, longest first; in a reasoning prompt the wording lacks its
    last line, the cue.
    """
    wordings = whole | {text.rpartition("\n")[0] for text in whole if text.endswith(":")}
    made = []
    for wording in sorted(wordings, key=len, reverse=True):
        before, _, after = wording.partition("{dialogue}")
        cue = after.strip().rpartition("\n")[2] if after.strip().endswith(":") else ""
        note = rf"(?:\s*{NOTE}[^\n]+)?"
        after = rf"{_pattern(after.strip().removesuffix(cue))}{note}\s*{re.escape(cue)}"
        made.append(re.compile(rf"{_pattern(before)}\s*(?P<dialogue>.+?)\s*{after}", re.S))
    return tuple(made)


def _pattern(wording: str) -> str:
    """Return a pattern of a wording with any one-line question or instruction."""
    return r"[^\n]+".join(re.escape(text.strip()) for text in wording.strip().split("{request}"))
