"""Turns a wish about an answer into a new request.

Lengths are enforced by token limits and a choice among drafts, which works with every model. Any other wish is passed
to the model in a line of the prompt, and drafts that use its words are preferred; the rest is up to the model.
"""

import re

import msgspec

from assistant.errors import UsageError
from assistant.records import Ask

STYLES = {
    "formal": "Write in a formal tone.",
    "simple": "Use short and simple words.",
    "bullets": "Write a list of points.",
    "one-sentence": "Write one sentence only.",
}
"""Presets by name, with the instruction for the model."""
_WORDS = re.compile(r"(?:in |about |at most )?(\d+)(?: words)?\.?", re.IGNORECASE)


def refine(ask: Ask, answer: str, wish: str) -> Ask:
    """Return the request for the same answer changed as wished.

    `wish` is "shorter" (two thirds of the words), "longer" (half as many again), a number of words, a name in STYLES,
    or a sentence such as "focus on the refund". Raises UsageError if it is empty or asks for no words.
    """
    told = " ".join(wish.split())
    if not told:
        raise UsageError('say what to change, such as "shorter", "20 words" or "focus on the refund"')
    length = len(answer.split())
    if told.lower() == "shorter":
        return msgspec.structs.replace(ask, words=max(5, length * 2 // 3))
    if told.lower() == "longer":
        return msgspec.structs.replace(ask, words=max(8, length * 3 // 2))
    if number := _WORDS.fullmatch(told):
        if int(number[1]) < 1:
            raise UsageError("an answer needs at least one word")
        return msgspec.structs.replace(ask, words=int(number[1]))
    sentence = STYLES.get(told.lower(), told[:1].upper() + told[1:])
    return msgspec.structs.replace(ask, wish=sentence if sentence.endswith((".", "!", "?")) else f"{sentence}.")
