"""Ctrl+C and SIGTERM during a command: both raise KeyboardInterrupt, but never during an import.

Interrupting a compiled library while it initializes can kill the process: pybind11 meets a Python exception where C++
expects none, and calls terminate.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN = 0.02
"""Seconds to wait before checking again whether the import has finished."""


@contextmanager
def stoppable() -> Iterator[None]:
    """A context that handles both signals this way, and restores their handlers afterwards.

    A signal that is ignored stays ignored: Ctrl+C does not concern a job that a shell runs in the background.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heeded = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _stop) for number in (*heeded, signal.SIGALRM)}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def was_stopped(error: BaseException | None) -> bool:
    """Whether an error is a KeyboardInterrupt, or was raised while one was handled."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _stop(number: int, frame: FrameType | None) -> None:
    if _imports(frame):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)
    else:
        raise KeyboardInterrupt


def _imports(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    return frame is not None
