"""Ctrl+C and SIGTERM while a command runs: both end it as KeyboardInterrupt, but never amid an import.

A compiled library that is stopped while it sets itself up takes the process down in its own way: pybind11 has an
exception of Python's where C++ expects none, and calls terminate.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN = 0.02
"""Seconds until it is looked again whether the import is done."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Take both signals as said while inside; what handled them before does so again afterwards.

    A signal that is ignored stays so: a job that a shell has put into the background has nothing to do with Ctrl+C.
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
    """Whether that is a KeyboardInterrupt, or what a library made of one."""
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
