"""What a conversion's weights are stored in, as noted when it was made."""

from pathlib import Path

import msgspec

from assistant.records import Record

PRECISION = "precision.json"
QUANTIZING = "quantizing"
"""The stage of a conversion that decides it."""
BYTES = {"int8": 1, "int16": 2, "bfloat16": 2, "float32": 4}
"""What a conversion may store its weights in, in the order of preference, and the bytes that one weight takes."""


class Precision(Record, frozen=True):
    """`kind` is one of BYTES; `losses` has the nats a token that each quantization lost on this machine."""

    kind: str
    losses: dict[str, float] = {}

    @property
    def fell_back(self) -> bool:
        """Whether int8 would have lost too much."""
        return self.kind != "int8"

    def sentence(self) -> str:
        """Why the model is served in a larger type than int8."""
        lost = ", ".join(f"{kind} loses {loss:.2g} nats a token" for kind, loss in self.losses.items())
        return f"served as {self.kind}: on this processor {lost}" if lost else f"served as {self.kind}"


def read_precision(folder: Path) -> Precision:
    """The note in a conversion's folder; a conversion without one is int8."""
    try:
        return msgspec.json.decode((folder / PRECISION).read_bytes(), type=Precision)
    except (OSError, ValueError, RecursionError):
        return Precision(kind="int8")
