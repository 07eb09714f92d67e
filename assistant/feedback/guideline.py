"""The text that raters go by and the reasons they can give: ours, or the user's edited copy."""

import hashlib
import tomllib
from importlib.resources import files
from pathlib import Path

import msgspec

from assistant.errors import UsageError
from assistant.files import write_atomically
from assistant.locations import config_dir
from assistant.records import Thumb


class Guideline(msgspec.Struct, frozen=True):
    """The guideline as it is in force. `version` changes with every word of it; judgements note it."""

    text: str
    reasons: dict[Thumb, tuple[str, ...]]
    version: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    reasons: dict[Thumb, tuple[str, ...]]


def guideline_file() -> Path:
    """Where the user's copy is, if there is one."""
    return config_dir() / "guideline.toml"


def load_guideline() -> Guideline:
    """The user's copy where there is one, else ours. Raises UsageError where the copy cannot be read."""
    path = guideline_file()
    try:
        content = path.read_bytes() if path.exists() else _shipped()
        read = msgspec.convert(tomllib.loads(content.decode("utf-8")), _File)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            f"cannot read the rating guideline in {path}: {error}; delete it to use the bundled one"
        ) from error
    reasons: dict[Thumb, tuple[str, ...]] = {"up": read.reasons.get("up", ()), "down": read.reasons.get("down", ())}
    version = hashlib.sha256(msgspec.json.encode([read.text, sorted(reasons.items())])).hexdigest()[:12]
    return Guideline(text=read.text.strip(), reasons=reasons, version=version)


def edit_guideline() -> Path:
    """Make sure that the user has a copy to edit, and return its path."""
    path = guideline_file()
    if not path.exists():
        write_atomically(path, _shipped())
    return path


def save_guideline(text: str) -> Guideline:
    """Put another text into the user's copy, reasons and comments kept, and return the guideline as it is now."""
    import tomlkit  # needed for writing alone

    if not text.strip():
        raise UsageError("the guideline is empty: write what makes one answer better than another")
    path = edit_guideline()
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            f"cannot read the rating guideline in {path}: {error}; delete it to use the bundled one"
        ) from error
    document["text"] = tomlkit.string(f"{text.strip()}\n", multiline=True)
    write_atomically(path, tomlkit.dumps(document).encode())
    return load_guideline()


def _shipped() -> bytes:
    return files("assistant.feedback").joinpath("guideline.toml").read_bytes()
