"""The interface of the app for screens and widgets, so that they need not import it."""

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, cast

from textual.dom import DOMNode
from textual.worker import Worker

from assistant.settings import Settings
from assistant.tui.messages import ModelChanged
from assistant.tui.notices import Note
from assistant.tui.workers.documents import Documents
from assistant.tui.workers.keeping import Keeper
from assistant.tui.workers.pulling import Pulling

if TYPE_CHECKING:
    from assistant.conversation import Assistant


class Parley(Protocol):
    """The running app: its settings, its model, its store and its threads."""

    settings: Settings
    model: ModelChanged
    """The last reported state of the model: loading, ready or failed."""
    assistant: "Assistant | None"
    keeper: Keeper
    documents: Documents
    document_files: int
    """The number of documents that can answer questions."""
    pulling: Pulling
    notes: deque[Note]
    clock: Callable[[], float]
    order: Callable[[int], Sequence[int]]
    """A function that returns the display order for a number of drafts."""
    chance: random.Random

    def reporting(self) -> AbstractContextManager[None]:
        """A context in which errors meant for the user become notifications."""
        ...

    def report(self, error: BaseException) -> None:
        """Show an error as a notification."""
        ...

    def say(self, sentence: str) -> None:
        """Show a notification, from any thread."""
        ...

    def in_background(self, work: Callable[[], None], group: str) -> Worker[None]:
        """Run blocking work in a thread, and report its errors."""
        ...

    def load_model(self, ref: str | None = None) -> None:
        """Load a model, by default the one that the settings choose."""
        ...


def parley_of(node: DOMNode) -> Parley:
    """The app of a screen or widget."""
    return cast(Parley, node.app)


def keys_of(node: DOMNode) -> Mapping[str, str]:
    """The keys changed in the settings, by command name."""
    return parley_of(node).settings.keys
