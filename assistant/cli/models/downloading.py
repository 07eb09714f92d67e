"""Download a model on the command line: its size and licence, a progress bar, and a message on Ctrl+C."""

import time
from pathlib import Path

from assistant.cli.output import note, progress_bar
from assistant.errors import Interrupted
from assistant.models.downloads import Download, Pace, describe, remembered, write_size


def download(hub_id: str) -> Path:
    """Download a model and return its folder. Raises the errors of `assistant.models.pull.pull`, and Interrupted on
    Ctrl+C.
    """
    from assistant.models.pull import pull

    pace, here = Pace(time.monotonic), [0, 0]

    def tell(found: Download) -> None:
        note(f"{found.hub_id}: {describe(found, remembered().pace)}")

    with progress_bar(f"{hub_id}, MB", None) as bar:

        def move(done: int, total: int) -> None:
            here[:] = done, total
            bar.of(done // 1_000_000, total // 1_000_000, f"{pace.hear(done) / 1e6:,.1f} MB/s")

        try:
            return pull(hub_id, on_found=tell, on_bytes=move)
        except KeyboardInterrupt:
            pass  # raised below: in here, main() would find the KeyboardInterrupt as its context
        finally:
            pace.keep()
    so_far = f"{write_size(here[0])} of {write_size(here[1])} are here; " if here[1] else ""
    raise Interrupted(f"stopped: {so_far}run the same command to continue")
