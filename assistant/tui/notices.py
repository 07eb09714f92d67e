"""What the app says in passing: notifications, kept for the log."""

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
"""So many notifications are kept for the log."""


_TITLES = {"warning": "Warning", "error": "Error"}
"""Said as well as coloured."""


@dataclass(frozen=True)
class Note:
    """Something that was said in a notification."""

    time: str
    severity: str
    sentence: str


class NotifyingApp(App[None]):
    """An app whose errors become notifications, and that keeps the newest of what it said in `notes`."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: deque[Note] = deque(maxlen=MOST_NOTES)

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """What goes wrong inside, in a way meant for the user, becomes a notification."""
        try:
            yield
        except AssistantError as error:
            self.report(error)

    def report(self, error: BaseException) -> None:
        """Show an error as what it is for the user: one line that says what to do."""
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
        """Say something, and keep it for the log. Text is text here: markup and escapes in it are never obeyed."""
        message = printable(message)
        title = title or _TITLES.get(severity, "")
        self.notes.append(Note(time.strftime("%H:%M:%S"), severity, message))
        if severity == "information":
            # The newest says what the one before it said: they are never stacked over what is being read.
            self.clear_informations()
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    def clear_informations(self) -> None:
        """Take away what was merely said; errors and warnings stay for their time."""
        for notification in list(self._notifications):
            if notification.severity == "information":
                self._unnotify(notification)

    def say(self, sentence: str) -> None:
        """Say something from any thread."""
        self.post_message(NoticeGiven(sentence, "information"))
