"""Completion of a line in the composer: a command, its argument, or a file name."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from assistant.tui.choices import CHOICES
from assistant.tui.commands import COMMANDS

FILES_LOOKED_AT = 500
"""Entries of a folder that are read at most for a completion."""


def completion_of(line: str) -> str:
    """The rest of a line: "del" for "/mo", "adme.txt" for "@docs/re"; empty if nothing matches."""
    if line.startswith("/"):
        name, space, argument = line[1:].partition(" ")
        if not space:
            return _rest(name, [command.slash for command in COMMANDS])
        return _rest(argument, [offer.value for offer in CHOICES[name].offers]) if name in CHOICES else ""
    if line.startswith("@") and len(line) > 1:
        return _rest_of_path(line[1:])
    return ""


def _rest(begun: str, words: Iterable[str]) -> str:
    return next((word[len(begun) :] for word in words if begun and word.startswith(begun)), "")


def _rest_of_path(begun: str) -> str:
    folder, _, name = begun.rpartition("/")
    if not name:
        return ""
    place = Path(folder or ("/" if begun.startswith("/") else ".")).expanduser()
    return _rest(name, sorted(_entries(place)))


def _entries(place: Path) -> Sequence[str]:
    names = []
    try:
        for entry, _ in zip(place.iterdir(), range(FILES_LOOKED_AT), strict=False):
            names.append(f"{entry.name}/" if entry.is_dir() else entry.name)
    except OSError:
        return []
    return names
