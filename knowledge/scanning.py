"""Finds the files below the user's roots: follows no links to folders, obeys .gitignore and .assistantignore."""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path, PurePath

import msgspec
from pathspec import GitIgnoreSpec

IGNORE_FILES = (".gitignore", ".assistantignore")
_NEVER = frozenset({"node_modules", "__pycache__", "site-packages", "$RECYCLE.BIN"})


class Found(msgspec.Struct, frozen=True):
    """A file as the folder lists it; `reason` says why it cannot be read, empty where it can."""

    path: str
    size: int
    mtime_ns: int
    reason: str = ""


class Scan(msgspec.Struct):
    """What lies below the roots. `unsupported` counts the files of each suffix that no loader reads."""

    files: dict[str, Found]
    unsupported: dict[str, int]


class _Rules(msgspec.Struct, frozen=True):
    folder: str
    spec: GitIgnoreSpec


SuffixOf = Callable[[str], str]


def _suffix(path: str) -> str:
    return PurePath(path).suffix.lower()


def scan(
    roots: Iterable[Path], suffixes: Collection[str], excluded: Collection[str] = (), suffix_of: SuffixOf = _suffix
) -> Scan:
    """All files below the roots with one of the suffixes; a file that is a root itself counts whatever it is. What is
    excluded, and all below it, is left out. `suffix_of` gives the kind of a file by its path.
    """
    result = Scan(files={}, unsupported={})
    for root in roots:
        if root.is_dir():
            _scan_folder(str(root), suffixes, excluded, suffix_of, result)
        elif found := _look(str(root)):
            result.files[found.path] = found
    return result


def _scan_folder(
    root: str, suffixes: Collection[str], excluded: Collection[str], suffix_of: SuffixOf, result: Scan
) -> None:
    pending: list[tuple[str, tuple[_Rules, ...]]] = [(root, ())]
    while pending:
        folder, rules = pending.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            reason = f"cannot be opened: {(error.strerror or str(error)).lower()}"
            result.files[folder] = Found(path=folder, size=0, mtime_ns=0, reason=reason)
            continue
        rules = (*rules, *_rules_in(folder, entries))
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            if entry.name.startswith(".") or entry.name in _NEVER or entry.path in excluded:
                continue
            if _ignored(entry.path, is_folder, rules):
                continue
            if is_folder:
                pending.append((entry.path, rules))
            else:
                _take(entry, suffix_of(entry.path), suffixes, result)


def _take(entry: os.DirEntry[str], suffix: str, suffixes: Collection[str], result: Scan) -> None:
    if suffix not in suffixes:
        if not entry.is_symlink():
            result.unsupported[suffix] = result.unsupported.get(suffix, 0) + 1
    elif found := _look(entry.path):
        result.files[found.path] = found


def _look(path: str) -> Found | None:
    """The file, None where it is gone. A name that is no UTF-8 cannot be kept in the catalog: shown with marks."""
    shown = path.encode(errors="surrogateescape").decode(errors="replace")
    if shown != path:
        return Found(path=shown, size=0, mtime_ns=0, reason="the file name is not UTF-8: rename it")
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        return Found(path=path, size=0, mtime_ns=0, reason=f"cannot be opened: {(error.strerror or '').lower()}")
    return Found(path=path, size=status.st_size, mtime_ns=status.st_mtime_ns)


def _rules_in(folder: str, entries: Iterable[os.DirEntry[str]]) -> Iterator[_Rules]:
    for entry in entries:
        if entry.name in IGNORE_FILES and entry.is_file():
            try:
                lines = Path(entry.path).read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                continue
            yield _Rules(folder=folder, spec=GitIgnoreSpec.from_lines(filter(_is_pattern, lines)))


def _is_pattern(line: str) -> bool:
    """Whether a line of an ignore file means anything; git passes over the others."""
    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True


def _ignored(path: str, is_folder: bool, rules: Iterable[_Rules]) -> bool:
    """The innermost file that says anything about the path decides, as in git."""
    verdict: bool | None = None
    for rule in rules:
        relative = os.path.relpath(path, rule.folder).replace(os.sep, "/") + ("/" if is_folder else "")
        found = rule.spec.check_file(relative).include
        verdict = verdict if found is None else found
    return bool(verdict)
