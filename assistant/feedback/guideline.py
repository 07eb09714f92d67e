"""The rating guideline and the reasons raters can give: the bundled text, or the user's edited copy."""

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
    """The current guideline. `version` changes with its content; judgements record it."""

    text: str
    reasons: dict[Thumb, tuple[str, ...]]
    version: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    reasons: dict[Thumb, tuple[str, ...]]


def guideline_file() -> Path:
    """Return the path of the user's copy, which may not exist."""
    return config_dir() / "guideline.toml"


def load_guideline() -> Guideline:
    """Return the user's copy if there is one, else the bundled guideline. Raises UsageError if the
    copy is unreadable.
    """
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
    """Create the user's copy if there is none, and return its path."""
    path = guideline_file()
    if not path.exists():
        write_atomically(path, _shipped())
    return path


def save_guideline(text: str) -> Guideline:
    """Replace the text in the user's copy, keeping reasons and comments, and return the new guideline."""
    import tomlkit  # only needed for writing

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
