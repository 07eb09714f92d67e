"""Starts the worker process and holds its pipes."""

import os
import signal
import subprocess
import sys
from typing import BinaryIO

from assistant.engine.pipe import Receiver, Sender
from assistant.engine.protocol import Reply, Request
from assistant.locations import ensure_dir, log_file
from assistant.switches import OFFLINE

_GRACE = 2.0
"""Seconds that a process may take to end after its pipe closes."""


def open_log() -> BinaryIO:
    """Open the log for a child process's output, which must not reach the user's screen."""
    path = ensure_dir(log_file().parent) / log_file().name
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


class WorkerProcess:
    """A running worker."""

    def __init__(self) -> None:
        # -P: no file in the user's folder can shadow a module. New session: Ctrl+C in the terminal reaches only the
        # client.
        with open_log() as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "assistant.engine.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                env={**os.environ, **OFFLINE},
                start_new_session=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._sender = Sender(self._process.stdin.fileno())
        self._receiver: Receiver[Reply] = Receiver(self._process.stdout.fileno(), Reply)

    @property
    def id(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, request: Request) -> None:
        """Send a request. Raises PipeClosed if the worker is gone."""
        self._sender.send(request)

    def receive(self, timeout: float | None) -> Reply | None:
        """Return the next reply, or None after `timeout` seconds. Raises PipeClosed if the worker is gone."""
        return self._receiver.receive(timeout)

    def kill(self) -> None:
        """Kill the process; it holds no unsaved data."""
        self._process.kill()
        self._process.wait()
        self._sender.forget()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def how_it_ended(self) -> str:
        """Return why the process ended, in words; call it only after PipeClosed. A process that still runs has sent
        invalid data, and is killed.
        """
        try:
            code = self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return "it does not speak this version's language: was Parley updated meanwhile? Start it again"
        if code >= 0:
            return f"exit code {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return f"{name}, perhaps out of memory" if name == "SIGKILL" else name
