"""Tells whether two prompts are about the same conversation."""

import unicodedata

from assistant.prompts import conversation_in

_PART = "\f"
"""Stands between the prompts of a conversation that was answered in parts."""


def conversation_key(prompt: str) -> str:
    """What all spellings of one conversation have in common: its words without case, white space and the prompt around
    it. `prompt` may be the bare conversation, or the prompts of all its parts.
    """
    lines: list[str] = []
    for part in prompt.split(_PART):
        more = conversation_in(part).splitlines()
        # A part repeats the turn before it, to be understood.
        lines += more[1:] if lines and more[:1] == lines[-1:] else more
    return " ".join(unicodedata.normalize("NFKC", "\n".join(lines)).casefold().split())
