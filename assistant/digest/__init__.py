"""The digest of a conversation: what was said, decided, left to do and left open, in the speakers' own words."""

from assistant.digest.making import Embed, make_digest
from assistant.digest.records import LEFT_OUT, Digest, Open, Point, Todo, Topic
from assistant.digest.writing import point_line, render, todo_line

__all__ = [
    "LEFT_OUT",
    "Digest",
    "Embed",
    "Open",
    "Point",
    "Todo",
    "Topic",
    "make_digest",
    "point_line",
    "render",
    "todo_line",
]
