"""Facts about downloads before they start, and what is remembered between them: the speed, and the user's reply to the
offer of a model. Never uses the network.
"""

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from assistant.errors import AssistantError, ModelMissing
from assistant.files import write_atomically
from assistant.locations import state_dir
from assistant.records import Record
from assistant.switches import NO_NETWORK, forbids_network
from assistant.terminal import rough_time

NETWORK = Path("/sys/class/net")
"""The folder with Linux's network interfaces."""
LEAST_BYTES = 1_000_000
"""A smaller download, in bytes, is too short to measure the speed."""


class Download(Record, frozen=True):
    """A model on the Hub: `size` is the bytes to fetch in all; `licence` is as the Hub names it, empty if it names
    none.
    """

    hub_id: str
    size: int
    licence: str = ""


SUGGESTED = (
    Download(hub_id="google/flan-t5-small", size=307_867_048, licence="apache-2.0"),
    Download(hub_id="google/flan-t5-base", size=990_345_064, licence="apache-2.0"),
    Download(hub_id="google/flan-t5-large", size=3_132_668_808, licence="apache-2.0"),
)
"""Models offered without asking the Hub. Sizes are those of the weights."""


class Remembered(Record, frozen=True):
    """What is remembered: the speed of the last download in bytes per second (0: unknown), whether the user declined
    the offer of a larger model, and whether they were told that it could not be made offline.
    """

    pace: float = 0.0
    is_declined: bool = False
    is_told_offline: bool = False


def suggested(hub_id: str) -> Download | None:
    """Return the facts of a suggested model, None for any other."""
    return next((download for download in SUGGESTED if download.hub_id == hub_id), None)


def remembered() -> Remembered:
    """Return what is remembered, or the defaults if nothing is or the file is unreadable."""
    try:
        return msgspec.json.decode(_file().read_bytes(), type=Remembered)
    except (OSError, msgspec.DecodeError):
        return Remembered()


def remember(**changes: float | bool) -> None:
    """Save the changes. Errors of the disk are ignored."""
    with contextlib.suppress(OSError):
        write_atomically(_file(), msgspec.json.encode(msgspec.structs.replace(remembered(), **changes)))


def is_offline() -> bool:
    """Whether the user forbids the network (NO_NETWORK) or Linux has no interface that is up. Opens no socket; in
    doubt, returns False.
    """
    if forbids_network():
        return True
    with contextlib.suppress(OSError):
        states = [place / "operstate" for place in NETWORK.iterdir() if place.name != "lo"]
        return all(state.read_text(encoding="ascii").strip() == "down" for state in states)
    return False


def refuse_offline(verb: Literal["pull", "push"]) -> None:
    """Raise ModelMissing if the user forbids the network."""
    if forbids_network():
        sent, instead = ("downloaded", ", or name a folder with the model") if verb == "pull" else ("uploaded", "")
        raise ModelMissing(f"{NO_NETWORK} is set, so nothing is {sent}: unset it and {verb} again{instead}")


def check_room(folder: Path, missing: int) -> None:
    """Raise AssistantError if the folder's disk has fewer free bytes than `missing`."""
    free = shutil.disk_usage(folder).free
    if free < missing:
        raise AssistantError(
            f"{write_size(missing)} are missing and {folder} has {write_size(free)} free: free some space and pull "
            "again to continue"
        )


def describe(download: Download, pace: float) -> str:
    """Return "990 MB · apache-2.0 · about 4 min at 4.1 MB/s, as last time"; without the time if the pace is unknown."""
    parts = [write_size(download.size), download.licence or "no licence named"]
    if pace:
        parts.append(f"about {rough_time(download.size / pace)} at {pace / 1e6:,.1f} MB/s, as last time")
    return " · ".join(parts)


def write_size(size: int) -> str:
    """Format bytes as "308 MB" or "3.1 GB"."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"


class Pace:
    """Measures the speed of a download, without the bytes that were there before it started."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began: tuple[float, int] | None = None
        self._last, self._fetched = 0.0, 0

    def hear(self, done: int) -> float:
        """Take the bytes downloaded so far and return the speed in bytes per second, 0 while it is unknown."""
        now = self._clock()
        if self._began is None:
            self._began = (now, done)
        start, before = self._began
        self._last = (done - before) / (now - start) if now > start else 0.0
        self._fetched = done - before
        return self._last

    def keep(self) -> None:
        """Save the speed for the next download's estimate."""
        if self._began is not None and self._last and self._fetched >= LEAST_BYTES:
            remember(pace=self._last)


def _file() -> Path:
    return state_dir() / "downloads.json"
