"""Says how much of a download has come, by looking at the folder that it grows in. Knows no network."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from assistant.locations import models_dir
from assistant.models.registry import pulled_folder

SECONDS = 15.0
"""How often it is said."""


@contextmanager
def watched(ref: str, say: Callable[[str], None]) -> Iterator[None]:
    """While the download inside runs, say now and then how much is here."""
    folder = models_dir() / ".pulling" / pulled_folder(ref).name
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SECONDS):
            size = sum(file.stat().st_size for file in folder.glob("*"))
            say(f"{ref}: {size / 1e6:,.0f} MB are here")

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
