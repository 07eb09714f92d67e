"""Completes a follow-up question such as "and on Sundays?" from the previous one."""

import re

from knowledge.search.words import content_stems

_BEGINS = re.compile(r"(?:and|but|or|what about|how about|und|et|y)\b[\s,]*", re.IGNORECASE)
_PRONOUN = re.compile(r"\b(?:it|its|they|them|their|he|she|him|her|his|that one|this one|those|there)\b", re.IGNORECASE)
_PHRASE = re.compile(r"\b(on|in|at|for|from|to|with|by|during|before|after|until|per)\s+", re.IGNORECASE)
_FEW = 3


def in_full(question: str, previous: str) -> str:
    """Return the question completed from the previous one, or unchanged if it stands alone.

    "When does the ferry leave on weekdays?" and "and on Sundays?" give "When does the ferry leave on Sundays?".
    """
    asked, before = question.strip(), previous.strip().rstrip("?？. ")
    begins = _BEGINS.match(asked)
    own = content_stems(asked)
    leans = begins or (_PRONOUN.search(asked) and len(own) <= _FEW)
    if not before or not leans:
        return question
    rest = asked[begins.end() :] if begins else asked
    if begins and not re.match(r"(?:who|what|when|where|why|how|which|is|are|do|does|can)\b", rest, re.IGNORECASE):
        phrase = _PHRASE.match(rest)
        same = [found for found in _PHRASE.finditer(before) if phrase and found[1].lower() == phrase[1].lower()]
        return f"{before[: same[-1].start()].rstrip() if same else before} {rest}"
    named = [word for word in re.findall(r"\w+", before) if content_stems(word) - own]
    return f"{rest.rstrip('?？')} ({' '.join(named)})?"
