"""Reads files in a child process with limited memory and time, so that a file that crashes, hangs or inflates a parser
ends only that process. One process reads many files in turn, and exits when idle for a while.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import IO

import msgspec

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable, KnowledgeError
from knowledge.loaders import PLAIN, load, suffix_of


class Bounds(msgspec.Struct, frozen=True):
    """The limits of the process: bytes of address space, seconds of CPU time per file, and idle seconds before it
    exits.
    """

    memory: int = 3 * 2**30
    seconds: int = 120
    idle: float = 20.0


_BOUNDS = Bounds()


class _File(msgspec.Struct, frozen=True, array_like=True):
    name: str
    content: bytes


class _Answer(msgspec.Struct, frozen=True, array_like=True):
    """A document, or the reason why there is none."""

    document: Document | None
    reason: str = ""


def read(name: str, content: bytes) -> Document:
    """Read the content as a document, by the suffix of its name. Raises DocumentUnreadable with the reason."""
    return load(name, content) if suffix_of(name) in PLAIN else _READER.read(name, content)


class Reader:
    """The child process and its pipes. Thread-safe."""

    def __init__(self, bounds: Bounds = _BOUNDS) -> None:
        self._bounds = bounds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, name: str, content: bytes) -> Document:
        """Read the content as a document. Raises DocumentUnreadable with the reason."""
        asked = msgspec.msgpack.encode(_File(name, content))
        with self._lock:
            answer = self._ask(asked)
            if answer is None and self._ended() == 0:  # it had just exited because it was idle
                answer = self._ask(asked)
            if answer is None:
                raise DocumentUnreadable(self._reason(self._ended()))
        if answer.document is None:
            raise DocumentUnreadable(answer.reason)
        return answer.document

    def _ask(self, asked: bytes) -> _Answer | None:
        """Return the process's answer, None if it ended instead."""
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError):
                _send(process.stdin, asked)
            answered = _receive(process.stdout)
        except BaseException:  # a partial answer remains in the pipe
            process.kill()
            raise
        return msgspec.msgpack.decode(answered, type=_Answer) if answered else None

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            if self._process is not None:
                _end(self._process)
            root = str(Path(__file__).parents[1])
            paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
            # Each thread of these libraries reserves address space.
            threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            try:
                self._process = subprocess.Popen(
                    # -P: do not import from the current folder.
                    [sys.executable, "-P", "-m", "knowledge.reading", *map(str, msgspec.structs.astuple(self._bounds))],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, **threads, "PYTHONPATH": os.pathsep.join(paths)},
                )
            except OSError as error:
                raise KnowledgeError(f"cannot start the process that reads files: {error.strerror}") from error
            weakref.finalize(self, _end, self._process)
        return self._process

    def _ended(self) -> int:
        assert self._process is not None
        return self._process.wait()

    def _reason(self, code: int) -> str:
        if code == -signal.SIGXCPU:
            return f"takes more than {self._bounds.seconds} s to read: save it anew, or in parts"
        return "damaged, or takes too much memory to read: open it and save it anew"


_READER = Reader()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Close the pipes, so that the process ends, and wait for it."""
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(BrokenPipeError):
            assert pipe is not None
            pipe.close()
    process.wait()


def _send(stream: IO[bytes], body: bytes) -> None:
    stream.write(len(body).to_bytes(8, "little"))
    stream.write(body)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes:
    """Receive a message, empty if the other end is gone."""
    length = int.from_bytes(_exactly(stream, 8), "little")
    body = _exactly(stream, length)
    return body if len(body) == length else b""


def _exactly(stream: IO[bytes], count: int) -> bytes:
    """Read `count` bytes, fewer if the other end is gone; an unbuffered pipe returns some at a time."""
    parts = bytearray()
    while len(parts) < count and (block := stream.read(count - len(parts))):
        parts += block
    return bytes(parts)


def _answer(file: _File) -> _Answer:
    try:
        return _Answer(load(file.name, file.content))
    except DocumentUnreadable as error:
        return _Answer(None, str(error))


def main(bounds: Bounds) -> int:
    """Answer requests until the pipe closes or the process is idle too long."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl+C
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a parser's output must not corrupt the answers
    asked = os.fdopen(0, "rb", buffering=0)
    while select.select([asked], [], [], bounds.idle)[0]:
        body = _receive(asked)
        if not body:
            break
        _set(bounds)
        _send(out, msgspec.msgpack.encode(_answer(msgspec.msgpack.decode(body, type=_File))))
    return 0


def _set(bounds: Bounds) -> None:
    """Limit this process's memory and its time for this file."""
    with contextlib.suppress(ImportError):  # not on every system
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        limits = {
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_AS: bounds.memory,
            resource.RLIMIT_CPU: int(used.ru_utime + used.ru_stime) + 1 + bounds.seconds,
        }
        for kind, most in limits.items():
            _, hard = resource.getrlimit(kind)
            soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
            with contextlib.suppress(OSError, ValueError):  # a system without such a limit
                resource.setrlimit(kind, (soft, hard))


if __name__ == "__main__":
    sys.exit(main(Bounds(memory=int(sys.argv[1]), seconds=int(sys.argv[2]), idle=float(sys.argv[3]))))
