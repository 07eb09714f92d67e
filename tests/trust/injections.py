"""Faults of the system: failing system calls, full and read-only disks, a wrong clock, little memory, truncated files.

Linux only, and root for the disks. No library is preloaded and no code of the product is replaced.
"""

import contextlib
import ctypes
import datetime
import errno
import os
import platform
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from assistant.guard.sitecustomize import _Instruction, _Program

_CALLS = {
    "x86_64": {
        "fsync": (74,), "fdatasync": (75,), "pwrite64": (18,), "ftruncate": (77,), "rename": (82, 264, 316),
        "unlink": (87, 263), "mkdir": (83, 258), "link": (86, 265), "fallocate": (285,),
    },
    "aarch64": {
        "fsync": (82,), "fdatasync": (83,), "pwrite64": (68,), "ftruncate": (46,), "rename": (38, 276),
        "unlink": (35,), "mkdir": (34,), "link": (37,), "fallocate": (47,),
    },
}  # fmt: skip
CALLS = tuple(_CALLS["x86_64"])
"""The system calls that `fail_calls` knows."""
ERRORS = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def fail_calls(names: Sequence[str], error: int) -> None:
    """Make these system calls fail with an error from now on, in this process and its children (a seccomp filter)."""
    known = _CALLS[platform.machine()]
    numbers = [number for name in names for number in known[name]]
    load, equal, answer = 0x20, 0x15, 0x06
    rows = [(load, 0, 0, 0)]
    rows += [(equal, len(numbers) - place, 0, number) for place, number in enumerate(numbers)]
    rows += [(answer, 0, 0, 0x7FFF0000), (answer, 0, 0, 0x00050000 | error)]
    program = (_Instruction * len(rows))(*(_Instruction(*row) for row in rows))
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(38, 1, 0, 0, 0)
    holder = _Program(len(rows), program)
    if library.prctl(22, 2, ctypes.byref(holder), 0, 0):
        raise OSError(ctypes.get_errno(), "no seccomp here")


def limit_file_size(size: int) -> None:
    """Make writes beyond this many bytes fail with EFBIG, in the middle of a file, as on a full disk."""
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def limit_memory(process: int, size: int) -> None:
    """Limit the address space of a running process to this many bytes: its next large allocation fails."""
    resource.prlimit(process, resource.RLIMIT_AS, (size, size))


def shift_clock(seconds: float) -> None:
    """Shift the wall clock of this process by some seconds. The monotonic clock stays, as in a real jump."""
    real, real_ns, stamp, gm, local = time.time, time.time_ns, time.strftime, time.gmtime, time.localtime
    time.time = lambda: real() + seconds
    time.time_ns = lambda: real_ns() + int(seconds * 1e9)
    time.gmtime = lambda when=None: gm(time.time() if when is None else when)
    time.localtime = lambda when=None: local(time.time() if when is None else when)
    time.strftime = lambda form, when=None: stamp(form, local(time.time()) if when is None else when)

    class Shifted(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "Shifted":
            moment = datetime.datetime.fromtimestamp(time.time(), tz)
            return cls(*moment.timetuple()[:6], moment.microsecond, tz)

    original = datetime.datetime
    for module in list(sys.modules.values()):
        if getattr(module, "datetime", None) is original and module is not datetime:
            module.datetime = Shifted  # type: ignore[attr-defined]
    datetime.datetime = Shifted  # type: ignore[misc]


@contextlib.contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[Path]:
    """A file system of `kib` KiB in memory, mounted at the folder. Needs root."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=700", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Fill the disk, except for `leave` bytes, with one file, and return its path."""
    path = folder / "everything-else"
    free = os.statvfs(folder)
    size = max(0, free.f_bavail * free.f_frsize - leave)
    with path.open("wb") as stream, contextlib.suppress(OSError):
        while size > 0:
            size -= stream.write(b"\0" * min(size, 1 << 16))
    return path


def set_read_only(folder: Path, read_only: bool) -> None:
    """Remount the disk read-only or read-write."""
    subprocess.run(["mount", "-o", f"remount,{'ro' if read_only else 'rw'}", str(folder)], check=True)


def damage(path: Path, chance: random.Random) -> str:
    """Damage a file as a crash during a write would. Return what was done, in words."""
    content = path.read_bytes()
    place = chance.randrange(len(content)) if content else 0
    kind = chance.choice(["cut", "empty", "zeros", "noise", "tail"])
    if kind == "cut":
        path.write_bytes(content[:place])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "zeros":
        block = place - place % 4096
        path.write_bytes(content[:block] + b"\0" * min(4096, len(content) - block) + content[block + 4096 :])
    elif kind == "noise":
        path.write_bytes(content[:place] + chance.randbytes(min(512, len(content) - place)) + content[place + 512 :])
    else:
        path.write_bytes(content + chance.randbytes(700))
    return f"{kind} at {place} of {len(content)}"
