"""Sends messages over a pair of pipes, each as a four-byte length and MessagePack."""

import os
import select
import struct
import threading
import time
from typing import Any, Generic, TypeVar

import msgspec

Message = TypeVar("Message")
_LENGTH = struct.Struct("<I")
_CHUNK = 1 << 16
_LONGEST = 1 << 30
"""The maximum size of a message in bytes: a longer length means that the stream is out of step."""


class PipeClosed(Exception):
    """The process at the other end is gone."""


class Sender:
    """The writing end. Thread-safe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._encoder = msgspec.msgpack.Encoder()
        self._lock = threading.Lock()

    def send(self, message: msgspec.Struct) -> None:
        """Write a message. Raises PipeClosed."""
        body = self._encoder.encode(message)
        rest = memoryview(_LENGTH.pack(len(body)) + body)
        with self._lock:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except OSError as error:
                    raise PipeClosed from error

    def forget(self) -> None:
        """Stop writing before the descriptor is closed, because its number may be reused for another file."""
        with self._lock:
            self._descriptor = -1


class Receiver(Generic[Message]):
    """The reading end, for one thread at a time."""

    def __init__(self, descriptor: int, kind: Any) -> None:
        self._descriptor = descriptor
        self._decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(kind)
        self._buffer = bytearray()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def receive(self, timeout: float | None = None) -> Message | None:
        """Return the next message, or None after `timeout` seconds. Raises PipeClosed, also for invalid data, after
        which the stream cannot be read.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (message := self._take()) is None:
            wait = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            if not self._poll.poll(wait):
                return None
            try:
                read = os.read(self._descriptor, _CHUNK)
            except OSError as error:
                raise PipeClosed from error
            if not read:
                raise PipeClosed
            self._buffer += read
        return message

    def _take(self) -> Message | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        length = int(_LENGTH.unpack_from(self._buffer)[0])
        if length > _LONGEST:
            raise PipeClosed
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        try:
            return self._decoder.decode(body)
        except (ValueError, RecursionError) as error:  # ValueError: also invalid UTF-8 in a text
            raise PipeClosed from error
