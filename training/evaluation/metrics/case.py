"""What a metric looks at."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation, what people wrote about it, and what a model wrote. `finished` is "length" where the token limit
    ended it.
    """

    id: str
    dialogue: str
    references: tuple[str, ...]
    prediction: str = ""
    finished: Literal["end", "length", "cancelled"] = "end"
