"""What is known of a download before it begins, and what is kept between two of them: the pace, and what the user said
to the offer of a model. Touches no network.
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

NETWORK = Path("/sys/class/net")
"""A folder for each of Linux's network interfaces."""
LEAST_BYTES = 1_000_000
"""A download of fewer bytes says nothing of how long a model takes."""


class Download(Record, frozen=True):
    """A model on the Hub: `size` bytes to fetch in all, its licence as the Hub names it, empty where it names none."""

    hub_id: str
    size: int
    licence: str = ""


SUGGESTED = (
    Download(hub_id="google/flan-t5-small", size=307_867_048, licence="apache-2.0"),
    Download(hub_id="google/flan-t5-base", size=990_345_064, licence="apache-2.0"),
    Download(hub_id="google/flan-t5-large", size=3_132_668_808, licence="apache-2.0"),
)
"""What is offered without asking the Hub: the bytes are those of the weights."""


class Remembered(Record, frozen=True):
    """What is kept: bytes a second of the last download (0: unknown), and whether the offer of a larger model was
    declined, or could not be made for want of a network and this was said.
    """

    pace: float = 0.0
    is_declined: bool = False
    is_told_offline: bool = False


def suggested(hub_id: str) -> Download | None:
    """The facts of one of the models that are offered, None for any other."""
    return next((download for download in SUGGESTED if download.hub_id == hub_id), None)


def remembered() -> Remembered:
    """What was kept; as on the first day where nothing was or where it cannot be read."""
    try:
        return msgspec.json.decode(_file().read_bytes(), type=Remembered)
    except (OSError, msgspec.DecodeError):
        return Remembered()


def remember(**changes: float | bool) -> None:
    """Keep what changed. A disk that takes nothing costs the memory, never the work."""
    with contextlib.suppress(OSError):
        write_atomically(_file(), msgspec.json.encode(msgspec.structs.replace(remembered(), **changes)))


def is_offline() -> bool:
    """Whether the user forbids the network (NO_NETWORK), or Linux knows no interface that is up. Opens no socket;
    where it cannot be told, there is one.
    """
    if forbids_network():
        return True
    with contextlib.suppress(OSError):
        states = [place / "operstate" for place in NETWORK.iterdir() if place.name != "lo"]
        return all(state.read_text(encoding="ascii").strip() == "down" for state in states)
    return False


def refuse_offline(verb: Literal["pull", "push"]) -> None:
    """Raises ModelMissing where the user forbids the network."""
    if forbids_network():
        sent, instead = ("downloaded", ", or name a folder with the model") if verb == "pull" else ("uploaded", "")
        raise ModelMissing(f"{NO_NETWORK} is set, so nothing is {sent}: unset it and {verb} again{instead}")


def check_room(folder: Path, missing: int) -> None:
    """Raises AssistantError where the disk that holds the folder has fewer bytes free than are missing."""
    free = shutil.disk_usage(folder).free
    if free < missing:
        raise AssistantError(
            f"{write_size(missing)} are missing and {folder} has {write_size(free)} free: free some space and pull "
            "again to continue"
        )


def describe(download: Download, pace: float) -> str:
    """ "990 MB · apache-2.0 · about 4 min at 4.1 MB/s, as last time"; without the time where no pace is known."""
    parts = [write_size(download.size), download.licence or "no licence named"]
    if pace:
        parts.append(f"about {write_time(download.size / pace)} at {pace / 1e6:,.1f} MB/s, as last time")
    return " · ".join(parts)


def write_size(size: int) -> str:
    """Bytes as "308 MB" or "3.1 GB"."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"


def write_time(seconds: float) -> str:
    """Seconds as "50 s", "4 min" or "2.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


class Pace:
    """How fast a download goes. What was here before it began does not count."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began: tuple[float, int] | None = None
        self._last, self._fetched = 0.0, 0

    def hear(self, done: int) -> float:
        """So many bytes are here: how many come a second, 0 while nobody knows."""
        now = self._clock()
        if self._began is None:
            self._began = (now, done)
        start, before = self._began
        self._last = (done - before) / (now - start) if now > start else 0.0
        self._fetched = done - before
        return self._last

    def keep(self) -> None:
        """For the estimate of the next download."""
        if self._began is not None and self._last and self._fetched >= LEAST_BYTES:
            remember(pace=self._last)


def _file() -> Path:
    return state_dir() / "downloads.json"
