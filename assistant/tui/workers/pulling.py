"""Downloads a model beside everything else: how far it is, how long it takes, and how it is stopped; and
which are offered."""

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
"""How often it is said at most."""


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
        """In a thread: download it and make it ready to serve, telling how far it is and how it ended. Raises what
        `pull` and the conversion raise.
        """
        from assistant.models.pull import pull  # nothing that a first frame should wait for

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
        """Leave it where it is; the next download of the same goes on from there."""
        self._is_stopped.set()

    def _make_ready(self, ref: str, settings: Settings) -> None:
        """Convert it here, so that what answers now need not wait for it."""
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
    """What an empty chat offers while this model answers: larger ones, where it is the only one here and nobody said
    "Not now". That there is no network is said once. Reads files alone; asks no network.
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
    """The settings with a model that is offered, once it is here, as the base, so that it answers at the next start
    too. A model that was promoted or named in the settings still comes first.
    """
    if suggested(ref) is None or ref == settings.model.base:
        return settings
    save_setting("model.base", ref)
    return msgspec.structs.replace(settings, model=msgspec.structs.replace(settings.model, base=ref))
