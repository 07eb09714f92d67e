"""Imported by Python at startup if the guard's folder is on PYTHONPATH; from then on network sockets fail.

There are three fences. A Python audit hook sees sockets and name lookups, records them, and raises. A seccomp filter
makes the kernel kill any process, children included, whose native code opens a network socket. A network namespace
without interfaces, if the system permits one, leaves nothing to connect to. The last two need Linux and
PARLEY_GUARD_STRICT.
"""

import ctypes
import json
import os
import platform
import socket
import sys
from types import FrameType

_UNIX = int(socket.AF_UNIX)
_LOOK_UPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
_SOCKET_CALL = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""The architecture and number of the `socket` system call (linux/audit.h, unistd.h)."""
_CLONE_NEWNET = 0x40000000


class NetworkForbidden(PermissionError):
    """The process tried to use the network, which is forbidden."""


class _Switch:
    """Lets tests that run a local server open the guard for their own process."""

    open = False


switch = _Switch()


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if switch.open:
        return
    if event == "socket.__new__":
        family = arguments[1]
        # -1 lets the C code choose: an inherited descriptor (checked when it was opened) or AF_INET.
        if family == _UNIX or (family == -1 and _is_inherited()):
            return
    elif event not in _LOOK_UPS:
        return
    _note(event)
    raise NetworkForbidden(f"the network is not to be used here ({event})")


def _is_inherited() -> bool:
    """Whether the caller is `socket.socket(fileno=…)`, which adopts an open descriptor."""
    frame: FrameType | None = sys._getframe(2)
    return frame is not None and frame.f_locals.get("fileno") is not None


def _note(event: str) -> None:
    path = os.environ.get("PARLEY_GUARD_LOG")
    if not path:
        return
    line = json.dumps({"event": event, "command": " ".join(sys.orig_argv)[:300]}) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


class _Instruction(ctypes.Structure):
    """struct sock_filter."""

    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("len", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction))]


def _filter_system_calls() -> bool:
    """Make the kernel kill this process and its children if they open a network socket. Returns
    whether it succeeded.
    """
    known = _SOCKET_CALL.get(platform.machine())
    if sys.platform != "linux" or known is None:
        return False
    architecture, number = known
    load, equal, answer = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    allow, end, refuse = 0x7FFF0000, 0x80000000, 0x00050000 | 1  # ALLOW, KILL_PROCESS, ERRNO(EPERM)
    program = [
        (load, 0, 0, 4),  # seccomp_data.arch
        (equal, 0, 8, architecture),
        (load, 0, 0, 0),  # seccomp_data.nr
        (equal, 0, 6, number),
        (load, 0, 0, 16),  # the first argument: the address family
        (equal, 4, 0, _UNIX),
        (equal, 2, 0, int(socket.AF_INET)),
        (equal, 1, 0, int(socket.AF_INET6)),
        (answer, 0, 0, refuse),  # netlink and others cannot reach another machine, but nothing needs them
        (answer, 0, 0, end),
        (answer, 0, 0, allow),
    ]
    instructions = (_Instruction * len(program))(*(_Instruction(*row) for row in program))
    library = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    if library.prctl(no_new_privileges, 1, 0, 0, 0):
        return False
    holder = _Program(len(program), instructions)
    return not library.prctl(set_seccomp, filter_mode, ctypes.byref(holder), 0, 0)


def _leave_the_network() -> bool:
    """Enter a network namespace without interfaces, which requires root. Returns whether it succeeded."""
    return sys.platform == "linux" and os.geteuid() == 0 and not ctypes.CDLL(None).unshare(_CLONE_NEWNET)


sys.addaudithook(_audit)
fences = ["audit hook"]
if os.environ.get("PARLEY_GUARD_STRICT"):
    if _leave_the_network():
        fences.append("empty network namespace")
    if _filter_system_calls():
        fences.append("seccomp filter")
