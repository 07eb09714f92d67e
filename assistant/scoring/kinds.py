"""Classifies what an answer is about, because people judge answers in a chat or to a request differently from
summaries.
"""

from collections import Counter
from functools import lru_cache
from typing import Literal, get_args

from assistant.scoring.faithfulness.roles import turns_in

Kind = Literal["conversation", "chat", "passages", "request"]
""" "conversation" is between people; "chat" is with an assistant, whose next turn is wanted; "passages" is any other
long text; "request" is a short text.
"""
KINDS: tuple[Kind, ...] = get_args(Kind)

_ASKING = {"human", "user"}
_ANSWERING = {"assistant", "ai", "bot", "model", "system"}
_QUESTION = {"question", "q"}
_TURNS = 0.6
"""The least share of lines in a conversation that are turns."""
_RETURNING = 0.5
"""The least share of turns in a conversation by speakers with several turns."""
_LONG = 120
"""A text of more words is not a request."""


@lru_cache(maxsize=1024)
def kind_of(text: str) -> Kind:
    """Return the kind of text that an answer is about."""
    said = [speaker.lower() for speaker, _ in turns_in(text)]
    speakers = Counter(said)
    if said and _ASKING & set(speakers) and (said[-1] in _ASKING or set(speakers) <= _ASKING | _ANSWERING):
        return "chat"
    lines = sum(bool(line.strip()) for line in text.splitlines())
    back = sum(count for count in speakers.values() if count > 1)
    if len(speakers) > 1 and len(said) >= _TURNS * lines and back >= _RETURNING * len(said):
        return "passages" if said[-1] in _QUESTION else "conversation"
    return "passages" if len(text.split()) > _LONG else "request"
