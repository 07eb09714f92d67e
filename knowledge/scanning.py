"""Finds the files in the user's folders. Follows no links to folders, respects .gitignore and .assistantignore."""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path, PurePath

import msgspec
from pathspec import GitIgnoreSpec

IGNORE_FILES = (".gitignore", ".assistantignore")
_NEVER = frozenset({"node_modules", "__pycache__", "site-packages", "$RECYCLE.BIN"})


class Found(msgspec.Struct, frozen=True):
    """A file found in a folder; `reason` says why it cannot be read, empty if it can."""

    path: str
    size: int
    mtime_ns: int
    reason: str = ""


class Scan(msgspec.Struct):
    """The result of a scan. `unsupported` counts the files that no loader reads, by suffix."""

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
    """Find all files below the roots with one of the suffixes; a root that is a file always counts. Excluded paths, and
    all below them, are skipped. `suffix_of` returns the kind of a file by its path.
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
    """Return the file, None if it is gone. A name that is not UTF-8 cannot be stored in the catalog, and is shown with
    replacement characters.
    """
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
    """Whether a line of an ignore file is valid; git skips the others."""
    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True


def _ignored(path: str, is_folder: bool, rules: Iterable[_Rules]) -> bool:
    """Whether the path is ignored: the innermost ignore file with a match decides, as in git."""
    verdict: bool | None = None
    for rule in rules:
        relative = os.path.relpath(path, rule.folder).replace(os.sep, "/") + ("/" if is_folder else "")
        found = rule.spec.check_file(relative).include
        verdict = verdict if found is None else found
    return bool(verdict)
