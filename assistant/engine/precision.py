"""The type of a conversion's weights, as noted when it was made."""

from pathlib import Path

import msgspec

from assistant.records import Record

PRECISION = "precision.json"
QUANTIZING = "quantizing"
"""The stage of a conversion that determines the type."""
BYTES = {"int8": 1, "int16": 2, "bfloat16": 2, "float32": 4}
"""The types for a conversion's weights in order of preference, and the bytes per weight."""


class Precision(Record, frozen=True):
    """`kind` is a key of BYTES; `losses` is the loss of each quantization tried on this machine, in nats per token."""

    kind: str
    losses: dict[str, float] = {}

    @property
    def fell_back(self) -> bool:
        """Whether int8 lost too much."""
        return self.kind != "int8"

    def sentence(self) -> str:
        """Return why the model is served in a larger type than int8."""
        lost = ", ".join(f"{kind} loses {loss:.2g} nats a token" for kind, loss in self.losses.items())
        return f"served as {self.kind}: on this processor {lost}" if lost else f"served as {self.kind}"


def read_precision(folder: Path) -> Precision:
    """Return the note in a conversion's folder; int8 if there is none."""
    try:
        return msgspec.json.decode((folder / PRECISION).read_bytes(), type=Precision)
    except (OSError, ValueError, RecursionError):
        return Precision(kind="int8")
