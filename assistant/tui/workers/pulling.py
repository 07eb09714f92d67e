"""Download a model in the background, report its progress, and stop it. Decide which models are offered."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec
from textual.message import Message

from assistant.errors import Interrupted, UsageError
from assistant.models.downloads import Pace, is_offline, remember, remembered, suggested
from assistant.records import ModelVersion
from assistant.settings import Settings, save_setting
from assistant.tui.messages import Offering, PullEnded, PullMoved

SECONDS = 0.25
"""The least time between two reports of progress."""


class Pulling:
    """One download at a time."""

    def __init__(self, post: Callable[[Message], object], clock: Callable[[], float] = time.monotonic) -> None:
        self.ref = ""
        self._post = post
        self._clock = clock
        self._is_stopped = threading.Event()
        self._told = 0.0
        self._here = (0, 0)

    def run(self, ref: str, settings: Settings) -> None:
        """Download a model, convert it, and post progress and result. Runs in a thread.

        Raises the errors of `pull` and of the conversion.
        """
        from assistant.models.pull import pull  # not needed for the first frame

        if self.ref:
            raise UsageError(f"{self.ref} is being downloaded: /pull stops it")
        self.ref, self._told, self._here = ref, 0.0, (0, 0)
        self._pace = Pace(self._clock)
        self._is_stopped.clear()
        is_here = False
        try:
            self._post(PullMoved(ref, 0, 0, 0.0))
            with suppress(Interrupted):
                pull(ref, on_bytes=self._heard)
                self._make_ready(ref, settings)
                is_here = True
        finally:
            self._pace.keep()
            self.ref = ""
            self._post(PullEnded(ref, *self._here, is_here=is_here, is_stopped=self._is_stopped.is_set()))

    def stop(self) -> None:
        """Stop the download; the next one of the same model continues it."""
        self._is_stopped.set()

    def _make_ready(self, ref: str, settings: Settings) -> None:
        """Convert the model here, so that the model in use need not wait for it."""
        from assistant.engine.conversion import ensure_converted
        from assistant.models.registry import choose_backend, resolve

        model = resolve(ref, settings)
        if choose_backend(settings, model) == "ctranslate":
            self._post(PullMoved(ref, *self._here, 0.0, is_converting=True))
            ensure_converted(model)

    def _heard(self, done: int, total: int) -> None:
        if self._is_stopped.is_set():
            raise Interrupted("the download was stopped")
        now = self._clock()
        self._here = (done, total)
        rate = self._pace.hear(done)
        if now - self._told >= SECONDS or done == total:
            self._told = now
            self._post(PullMoved(self.ref, done, total, rate))


def offering_for(model: ModelVersion, settings: Settings) -> Offering:
    """What an empty chat offers while this model answers. Reads only files, and makes no network calls.

    Larger models are offered if only the bundled one is here and nobody chose "Not now". That there is no network is
    said once.
    """
    from assistant.models.registry import list_models

    kept = remembered()
    if model.kind != "bundled" or settings.model.ref != "auto" or kept.is_declined:
        return ""
    if any(other.kind != "bundled" for other in list_models()):
        return ""
    if not is_offline():
        return "models"
    if kept.is_told_offline:
        return ""
    remember(is_told_offline=True)
    return "offline"


def take_as_base(ref: str, settings: Settings) -> Settings:
    """The settings with a downloaded model as the base, if it is one that Parley offers, so that later starts use it
    too.

    A model that was promoted or named in the settings still takes precedence.
    """
    if suggested(ref) is None or ref == settings.model.base:
        return settings
    save_setting("model.base", ref)
    return msgspec.structs.replace(settings, model=msgspec.structs.replace(settings.model, base=ref))
