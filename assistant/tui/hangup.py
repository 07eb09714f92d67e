"""Ends the app when a signal asks for it, or when its terminal is gone.

The kernel sends SIGHUP to the leader of a session alone. Behind `make` or `sh` the app is not the leader: it would go
on reading the end of a terminal that nobody sees.
"""

import asyncio
import os
import select
import signal
import threading
import time
from collections.abc import Callable

LOOK_SECONDS = 1.0
"""How long one wait for the end of the terminal takes; the next follows at once."""
PATIENCE_SECONDS = 10.0
"""The app has so long to close. What was typed is kept while it is typed, so little is lost where it cannot."""
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


def end_on_signals(end: Callable[[], object]) -> None:
    """Call `end` in the running event loop on SIGTERM and SIGHUP. Killed without a word, the app would leave the
    terminal without echo and full of escapes at each mouse move.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, end)


def end_without_terminal(end: Callable[[], object], exit_code: int) -> None:
    """Call `end` in the running event loop once the terminal that keys come from is gone; nothing without a terminal.
    Where the process has not ended a little later, it ends with `exit_code` at once.
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
    """Whether the other side of an open file hangs up within so many seconds."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & _GONE for _, event in poll.poll(seconds * 1000))


def _write_to_nobody() -> None:
    """Let what is drawn from now on go nowhere: an error would end the thread that draws, and the app waits for it."""
    nobody = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        if _is_gone(descriptor):
            os.dup2(nobody, descriptor)
