"""Notifications, which the log keeps."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.app import App

from assistant.errors import AssistantError
from assistant.terminal import printable
from assistant.tui.messages import NoticeGiven

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel

MOST_NOTES = 500
"""The number of notifications that the log keeps."""


_TITLES = {"warning": "Warning", "error": "Error"}
"""Titles, so that colour is not the only sign of severity."""


@dataclass(frozen=True)
class Note:
    """A notification in the log."""

    time: str
    severity: str
    sentence: str


class NotifyingApp(App[None]):
    """An app that shows errors as notifications, and keeps the newest notifications in `notes`."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: deque[Note] = deque(maxlen=MOST_NOTES)

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """A context in which errors meant for the user become notifications."""
        try:
            yield
        except AssistantError as error:
            self.report(error)

    def report(self, error: BaseException) -> None:
        """Show an error: one line that says what to do or, for an unexpected one, a request to report it."""
        if isinstance(error, AssistantError):
            self.notify(str(error), severity="error", timeout=12, markup=False)
        else:
            text = f"{type(error).__name__}: {error}. Nothing was lost; please report it."
            self.notify(text, title="This should not happen", severity="error", timeout=20, markup=False)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: "SeverityLevel" = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a notification and add it to the log. Its text is printed literally: no markup, no escapes."""
        message = printable(message)
        title = title or _TITLES.get(severity, "")
        self.notes.append(Note(time.strftime("%H:%M:%S"), severity, message))
        if severity == "information":
            # The newest replaces the one before, so that they never pile up over the text.
            self.clear_informations()
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    def clear_informations(self) -> None:
        """Remove plain notices; errors and warnings stay until their timeout."""
        for notification in list(self._notifications):
            if notification.severity == "information":
                self._unnotify(notification)

    def say(self, sentence: str) -> None:
        """Show a notice, from any thread."""
        self.post_message(NoticeGiven(sentence, "information"))
