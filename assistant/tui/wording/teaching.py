"""Hints: a line after an answer that names a useful key. Each hint is shown at most three times."""

import contextlib
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from assistant.files import write_atomically
from assistant.locations import state_dir
from assistant.tui.commands import command_named, key_of

MOST = 3
"""How often each hint is shown, ever."""


def next_hint(fitting: Collection[str], keys: Mapping[str, str]) -> str:
    """The least shown of the fitting hints, which is counted as shown; "" if all were shown MOST times.

    `keys` are the keys changed in the settings.
    """
    shown = _shown()
    left = {name: shown.get(name, 0) for name in _texts(keys) if name in fitting and shown.get(name, 0) < MOST}
    if not left:
        return ""
    name = min(left, key=left.__getitem__)
    # If the disk is full or read-only, only the count is lost.
    with contextlib.suppress(OSError):
        write_atomically(_file(), msgspec.json.encode(shown | {name: left[name] + 1}))
    return _texts(keys)[name]


def _texts(keys: Mapping[str, str]) -> dict[str, str]:
    """The hints in the order in which they are shown."""
    message, good, bad = (key_of(command_named(name), keys) for name in ("message", "good", "bad"))
    return {
        "point": f"Shift+Tab and Down choose a part; {message} shows its message.",
        "rate": f"Shift+Tab, then {good} or {bad} rates it: the next model learns.",
        "ask": "Type a question to ask about this conversation.",
    }


def _shown() -> dict[str, int]:
    try:
        return msgspec.json.decode(_file().read_bytes(), type=dict[str, int])
    except (OSError, msgspec.DecodeError):
        return {}


def _file() -> Path:
    return state_dir() / "hints.json"
