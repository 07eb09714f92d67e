"""Keeps the knowledge base up to date while its folders change."""

import threading
from collections.abc import Iterator
from pathlib import Path

from knowledge.errors import KnowledgeBusy, NotFound
from knowledge.library import Library, OnProgress, UpdateResult

_LOOK_AGAIN_MS = 5_000
"""The maximum wait before newly added folders are noticed, or an update is retried that another process blocked."""
_QUIET_MS = 1_600


def watch(
    library: Library, stop: threading.Event | None = None, on_progress: OnProgress | None = None
) -> Iterator[UpdateResult]:
    """Update now and whenever a file below the roots changes, until `stop` is set; yield the result of each update.

    Raises NotFound if there is no existing folder to watch.
    """
    from watchfiles import watch as changes_in

    is_stale = True
    while stop is None or not stop.is_set():
        roots = library.catalog.roots()
        present = [root for root in roots if root.exists()]
        if not present:
            raise NotFound("nothing to watch: add a folder first (assistant knowledge add PATH)")
        waiting = changes_in(
            *present,
            watch_filter=None,
            debounce=_QUIET_MS,
            rust_timeout=_LOOK_AGAIN_MS,
            yield_on_timeout=True,
            stop_event=stop,
        )
        if is_stale and (result := _updated(library, on_progress)):
            is_stale = False
            yield result
        for changes in waiting:
            is_stale = is_stale or bool(changes)
            if is_stale and (result := _updated(library, on_progress)):
                is_stale = False
                yield result
            if _changed(roots, library):
                is_stale = True
                break


def _updated(library: Library, on_progress: OnProgress | None) -> UpdateResult | None:
    """Return the result of an update, None if another process is updating."""
    try:
        return library.update(on_progress)
    except KnowledgeBusy:
        return None


def _changed(roots: list[Path], library: Library) -> bool:
    return library.catalog.roots() != roots
