"""What an answer is about: people like other answers to a chat or a request than summaries of a conversation."""

from collections import Counter
from functools import lru_cache
from typing import Literal, get_args

from assistant.scoring.faithfulness.roles import turns_in

Kind = Literal["conversation", "chat", "passages", "request"]
"""A conversation between people; a chat with an assistant, whose next turn is asked for; passages or another long
text; a short request."""
KINDS: tuple[Kind, ...] = get_args(Kind)

_ASKING = {"human", "user"}
_ANSWERING = {"assistant", "ai", "bot", "model", "system"}
_QUESTION = {"question", "q"}
_TURNS = 0.6
"""Share of the lines that are turns, at least, in a conversation."""
_RETURNING = 0.5
"""Share of the turns whose speakers speak again, at least, in a conversation."""
_LONG = 120
"""Words from which a text is more than a request."""


@lru_cache(maxsize=1024)
def kind_of(text: str) -> Kind:
    """The kind of what an answer is about."""
    said = [speaker.lower() for speaker, _ in turns_in(text)]
    speakers = Counter(said)
    if said and _ASKING & set(speakers) and (said[-1] in _ASKING or set(speakers) <= _ASKING | _ANSWERING):
        return "chat"
    lines = sum(bool(line.strip()) for line in text.splitlines())
    back = sum(count for count in speakers.values() if count > 1)
    if len(speakers) > 1 and len(said) >= _TURNS * lines and back >= _RETURNING * len(said):
        return "passages" if said[-1] in _QUESTION else "conversation"
    return "passages" if len(text.split()) > _LONG else "request"
