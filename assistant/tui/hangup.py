"""End the app on a signal, or when its terminal is gone.

The kernel sends SIGHUP only to the leader of a session. Behind `make` or `sh` the app is not the leader, and would go
on reading from a terminal that no longer exists.
"""

import asyncio
import os
import select
import signal
import threading
import time
from collections.abc import Callable

LOOK_SECONDS = 1.0
"""Timeout of one wait for the end of the terminal; the next wait follows immediately."""
PATIENCE_SECONDS = 10.0
"""The time that the app has to close. Typed text is stored as it is typed, so little is lost if it is killed."""
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


def end_on_signals(end: Callable[[], object]) -> None:
    """Call `end` in the running event loop on SIGTERM and SIGHUP.

    If a signal killed the app, the terminal would be left without echo, and would print escapes at each mouse move.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, end)


def end_without_terminal(end: Callable[[], object], exit_code: int) -> None:
    """Call `end` in the running event loop once the terminal of standard input is gone; do nothing without a terminal.

    If the process has not ended PATIENCE_SECONDS later, end it with `exit_code`.
    """
    if os.isatty(0):
        arguments = (asyncio.get_running_loop(), end, exit_code)
        threading.Thread(target=_watch, args=arguments, name="hangup", daemon=True).start()


def _watch(loop: asyncio.AbstractEventLoop, end: Callable[[], object], exit_code: int) -> None:
    while not _is_gone(0, LOOK_SECONDS):
        pass
    _write_to_nobody()
    try:
        loop.call_soon_threadsafe(end)
    except RuntimeError:
        return  # the loop is closed: the app has ended already
    time.sleep(PATIENCE_SECONDS)
    os._exit(exit_code)


def _is_gone(descriptor: int, seconds: float = 0) -> bool:
    """Whether the other end of an open file hangs up within this many seconds."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & _GONE for _, event in poll.poll(seconds * 1000))


def _write_to_nobody() -> None:
    """Discard further output: a write error would end the thread that draws, and the app waits for that thread."""
    nobody = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        if _is_gone(descriptor):
            os.dup2(nobody, descriptor)
