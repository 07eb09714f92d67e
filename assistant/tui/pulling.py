"""Downloads a model beside everything else: how far it is, how long it takes, and how it is stopped."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from textual.message import Message

from assistant.errors import Interrupted, UsageError
from assistant.tui.messages import PullEnded, PullMoved

SECONDS = 0.25
"""How often it is said at most."""


class Pulling:
    """One download at a time."""

    def __init__(self, post: Callable[[Message], object], clock: Callable[[], float] = time.monotonic) -> None:
        self.ref = ""
        self._post = post
        self._clock = clock
        self._is_stopped = threading.Event()
        self._began = (0.0, 0)
        self._told = 0.0
        self._here = (0, 0)

    def run(self, ref: str) -> None:
        """In a thread: download it, telling how far it is and how it ended. Raises what `pull` raises."""
        from assistant.models.pull import pull  # nothing that a first frame should wait for

        if self.ref:
            raise UsageError(f"{self.ref} is being downloaded: /pull stops it")
        self.ref, self._told, self._here = ref, 0.0, (0, 0)
        self._is_stopped.clear()
        is_here = False
        try:
            self._post(PullMoved(ref, 0, 0, 0.0))
            with suppress(Interrupted):
                pull(ref, bars=False, on_bytes=self._heard)
                is_here = True
        finally:
            self.ref = ""
            self._post(PullEnded(ref, *self._here, is_here=is_here, is_stopped=self._is_stopped.is_set()))

    def stop(self) -> None:
        """Leave it where it is; the next download of the same goes on from there."""
        self._is_stopped.set()

    def _heard(self, done: int, total: int) -> None:
        if self._is_stopped.is_set():
            raise Interrupted("the download was stopped")
        now = self._clock()
        if not self._here[1]:
            self._began = (now, done)
        self._here = (done, total)
        if now - self._told >= SECONDS or done == total:
            self._told = now
            start, before = self._began
            self._post(PullMoved(self.ref, done, total, (done - before) / (now - start) if now > start else 0.0))
