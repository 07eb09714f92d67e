"""An answer that is not quite right, and a wish about it -> how to ask again.

Lengths are kept by limits in tokens and a choice among drafts, which works with every model. Any other wish is told to
the model in a line of the prompt, and drafts that speak of it are preferred; whether the rest is understood is the
model's affair.
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
"""Presets by name, and what they tell the model."""
_WORDS = re.compile(r"(?:in |about |at most )?(\d+)(?: words)?\.?", re.IGNORECASE)


def refine(ask: Ask, answer: str, wish: str) -> Ask:
    """How to ask for the same answer as wished.

    `wish` is "shorter" (two thirds of the words), "longer" (half as many again), a number of words, a name of STYLES,
    or a sentence such as "focus on the refund". Raises UsageError where it is empty or asks for no words.
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
