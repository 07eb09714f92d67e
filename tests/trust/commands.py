"""Run the real commands in forked processes, where they can be killed, starved or given wrong data.

A fork takes a hundredth of the time of a new interpreter, so that hundreds of faults take minutes. It runs the same
`main` as the installed command.
"""

import contextlib
import fcntl
import io
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TRAINER = "train"
"""First word of a command that runs `assistant-train` instead of `assistant`."""


@dataclass(frozen=True)
class Ended:
    """The result of a command. `code` is None if it was killed."""

    command: tuple[str, ...]
    code: int | None
    out: str
    err: str
    seconds: float

    @property
    def complaint(self) -> str:
        """The error line, or the trainer's JSON object, which goes to standard output."""
        return self.err.strip() or (self.out.strip() if self.code else "")


class Running:
    """A command in its own process."""

    def __init__(
        self,
        command: Sequence[str],
        home: Path,
        before: Callable[[], None] = lambda: None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.command = tuple(command)
        # Pipes, since limits on the child's files must not affect its output.
        self._out, self._err = _pipe(), _pipe()
        self._start = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        self.id = os.fork()
        if self.id == 0:
            self._become(home, before, settings or {})

    def _become(self, home: Path, before: Callable[[], None], settings: Mapping[str, str]) -> None:
        code = 99
        try:
            os.setpgid(0, 0)  # so that a kill reaches the worker as well
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(self._out[1], 1)
            os.dup2(self._err[1], 2)
            sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", closefd=False), encoding="utf-8", write_through=True)
            sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb", closefd=False), encoding="utf-8", write_through=True)
            os.environ.update(ASSISTANT_HOME=str(home), **settings)
            before()
            code = run(self.command)
        # An exception in the child must not reach the harness's own stack.
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def kill_after(self, seconds: float) -> Ended:
        """Let the command run for some seconds, then kill it and its children with SIGKILL, and wait."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            done, status = os.waitpid(self.id, os.WNOHANG)
            if done:
                return self._ended(status)
            time.sleep(0.0005)
        self.signal(signal.SIGKILL)
        return self.wait()

    def signal(self, number: int) -> None:
        """Send a signal to the command and its children."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.id, number)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.id, number)

    def wait(self) -> Ended:
        """Wait until the command has ended."""
        return self._ended(os.waitpid(self.id, 0)[1])

    def _ended(self, status: int) -> Ended:
        texts = []
        for reading, writing in (self._out, self._err):
            os.close(writing)
            texts.append(_all_of(reading).decode("utf-8", "replace"))
            os.close(reading)
        code = os.waitstatus_to_exitcode(status)
        return Ended(self.command, None if code < 0 else code, *texts, time.monotonic() - self._start)


def _pipe() -> tuple[int, int]:
    """A pipe with room for all output of a command, since it is read only at the end."""
    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 1 << 20)
    os.set_blocking(reading, False)
    return reading, writing


def _all_of(reading: int) -> bytes:
    """The present content of the pipe. A worker that briefly outlives its command may hold the other end."""
    content = b""
    with contextlib.suppress(BlockingIOError):
        while block := os.read(reading, 1 << 16):
            content += block
    return content


def run(command: Sequence[str]) -> int:
    """Run a command in this process and return its exit code."""
    if command[0] == TRAINER:
        from training.cli import run as train

        return train(list(command[1:]))
    from assistant.cli import main

    try:
        main(list(command))
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def call(command: Sequence[str], home: Path, before: Callable[[], None] = lambda: None) -> Ended:
    """Run a command to its end."""
    return Running(command, home, before).wait()
