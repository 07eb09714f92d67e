"""Classifies what a question asks for by its words: a person, a time, an amount, a place, or yes or no."""

import re
from typing import Literal

Kind = Literal["person", "time", "amount", "place", "yes or no", "other"]

_TIME = re.compile(
    r"\b(?:when|what time|how late"
    r"|(?:what|which|in what|in which) (?:\w+ )?(?:years?|days?|dates?|months?|hours?|centur\w+|decades?)"
    r"|wann|um wie viel uhr|quand|à quelle heure|cuándo|a qué hora)\b|何時|いつ|什么时候|几点",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"\bhow (?:many|much|long|old|far|tall|high|deep|fast|big|large|heavy|often|wide)\b"
    r"|\b(?:what|which) (?:\w+ )?(?:percent\w*|numbers?|amounts?|prices?|fraction|share|rate|total|score|size|fee)\b"
    r"|\bcosts?\b|\breading\b|\b(?:wie (?:viel|viele|lange|hoch|alt|oft)|combien|cuánt\w+)\b|いくら|何人|多少|几",
    re.IGNORECASE,
)
_PERSON = re.compile(r"\b(?:who|whom|whose|by whom|wer|wem|wen|qui|quién)\b|だれ|誰|谁", re.IGNORECASE)
_PLACE = re.compile(
    r"\b(?:where|(?:what|which) (?:\w+ )?(?:cit(?:y|ies)|countr\w+|places?|towns?|streets?|rooms?|address|states?)"
    r"|wo|wohin|où|dónde)\b|どこ|哪里",
    re.IGNORECASE,
)
_YES_NO = re.compile(
    r"(?:so |and |but |then )?(?:is|are|was|were|do|does|did|can|could|may|might|must|should|shall|will|would|has|have"
    r"|had|am|isn't|aren't|don't|doesn't|can't|won't|ist|sind|darf|kann|muss|hat|haben|gibt|est-ce|faut-il|peut-on"
    r"|puis-je|y a-t-il|puedo|puede|se puede|debe|hay)\b",
    re.IGNORECASE,
)


def kind_of(question: str) -> Kind:
    """Return the kind of answer that a question asks for."""
    asked = question.strip().lstrip("¿ ")
    if _YES_NO.match(asked) and " or " not in asked.lower():
        return "yes or no"
    found: list[tuple[int, Kind]] = []
    patterns: tuple[tuple[re.Pattern[str], Kind], ...] = (
        (_TIME, "time"),
        (_AMOUNT, "amount"),
        (_PERSON, "person"),
        (_PLACE, "place"),
    )
    for pattern, kind in patterns:
        if match := pattern.search(asked):
            found.append((match.start(), kind))
    # "How long did it take when ...": the first match counts.
    return min(found)[1] if found else "other"
