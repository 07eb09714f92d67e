"""The errors that users can see. They are shown in two places only: the command line and the app.

AssistantError              1  anything that failed, in one line that says what to do
├── UsageError              2  wrong flags, settings, or input that is not what it should be
│   └── InputUnreadable     2  an empty, binary, too large or forbidden input
├── ModelMissing            3  no such model on this machine
├── ModelDamaged            3  a model's files are incomplete or not what they claim to be
├── DataMissing             3  no such data, or too little of it
├── GateNotPassed           4  a candidate model did not prove better
├── TrainingStopped         5  training diverged, or a guard stopped it
├── EngineDied              1  the model's process died, and so did its replacement
├── StoreUnavailable        1  the database is locked, damaged, or from a newer version
│   └── StoreDamaged        1  the file is damaged, foreign or newer: a backup helps, waiting does not
└── Interrupted           130  stopped by the user; what was done is saved
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_LONGEST = 900
"""The maximum length of a message in characters."""


class AssistantError(Exception):
    """The base of all errors meant for users: the message is one line, ready to be shown."""

    exit_code = 1

    def __str__(self) -> str:
        """Return the message, shortened in the middle if long: it may quote a whole file by mistake."""
        text = super().__str__()
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 3 :]}"


class UsageError(AssistantError):
    """The command, a flag or a setting is wrong; the message says what would be right."""

    exit_code = 2


class InputUnreadable(UsageError):
    """An input file or pasted text without a readable conversation."""


class ModelMissing(AssistantError):
    """A model reference that matches nothing on this machine."""

    exit_code = 3


class ModelDamaged(AssistantError):
    """A model folder with missing, truncated or foreign files, or a conversion that disagrees with its source."""

    exit_code = 3


class DataMissing(AssistantError):
    """A data file is missing or contains too little."""

    exit_code = 3


class GateNotPassed(AssistantError):
    """A candidate did not prove better than the current model. `found` are its figures, as JSON values."""

    exit_code = 4

    def __init__(self, message: str, found: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.found = dict(found or {})


class TrainingStopped(AssistantError):
    """Training diverged or a guard stopped it; the last good checkpoint is kept."""

    exit_code = 5


class EngineDied(AssistantError):
    """The model's process died twice in a row."""


class StoreUnavailable(AssistantError):
    """The database cannot be used; nothing was changed."""


class StoreDamaged(StoreUnavailable):
    """The database's bytes are damaged, foreign or newer; waiting or making room does not help."""


class Interrupted(AssistantError):
    """Stopped by the user; the state is saved."""

    exit_code = 130


@contextmanager
def reported_as_ours(kind: type[Exception]) -> Iterator[None]:
    """Turn an error of that kind, whose message is one line ready to be shown, into an AssistantError with the same
    message and `exit_code`.
    """
    try:
        yield
    except kind as error:
        failure = AssistantError(str(error))
        failure.exit_code = getattr(error, "exit_code", AssistantError.exit_code)
        raise failure from error
