"""Identifies conversations by their text."""

import unicodedata

from assistant.prompts import conversation_in

_PART = "\f"
"""Separates the prompts of a conversation that was answered in parts."""


def conversation_key(prompt: str) -> str:
    """Return a key that is the same for all variants of a conversation: its text without the prompt around it, ignoring
    case and whitespace. `prompt` may also be the bare conversation, or the prompts of all its parts.
    """
    lines: list[str] = []
    for part in prompt.split(_PART):
        more = conversation_in(part).splitlines()
        # A part repeats the turn before it, as context.
        lines += more[1:] if lines and more[:1] == lines[-1:] else more
    return " ".join(unicodedata.normalize("NFKC", "\n".join(lines)).casefold().split())
