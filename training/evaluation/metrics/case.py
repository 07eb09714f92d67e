"""The input of a metric."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation, its reference summaries, and a model's summary. `finished` is "length" if the token limit cut it
    off.
    """

    id: str
    dialogue: str
    references: tuple[str, ...]
    prediction: str = ""
    finished: Literal["end", "length", "cancelled"] = "end"
