"""The cue words of each language, from tables that users can extend."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from assistant.errors import InputUnreadable

_MIN_SHARE = 0.12
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_NOTHING = re.compile(r"(?!)")


@dataclass(frozen=True)
class Cues:
    """The cue tables of a conversation's languages, as patterns that match whole words in any case."""

    tables: tuple[dict[str, list[str]], ...]
    codes: tuple[str, ...] = ()

    def words(self, name: str) -> frozenset[str]:
        """Return the entries of a table."""
        return _words(self, name)

    def pattern(self, *names: str) -> re.Pattern[str]:
        """Return a pattern of any phrase in the tables; it never matches if they are empty."""
        return _pattern(self, names)

    def found(self, name: str, text: str) -> bool:
        """Whether the text contains a phrase of the table."""
        return self.pattern(name).search(text) is not None

    def opens(self, name: str, text: str) -> bool:
        """Whether the text starts with a phrase of the table."""
        return self.pattern(name).match(text) is not None

    def __hash__(self) -> int:
        return id(self.tables)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cues) and self.tables is other.tables


@cache
def _words(cues: Cues, name: str) -> frozenset[str]:
    return frozenset(word for table in cues.tables for word in table.get(name, ()))


@cache
def _pattern(cues: Cues, names: Sequence[str]) -> re.Pattern[str]:
    phrases = sorted(
        {phrase for name in names for phrase in _words(cues, name)}, key=lambda phrase: (-len(phrase), phrase)
    )
    if not phrases:
        return _NOTHING
    return re.compile(rf"(?<![\w'’])(?:{'|'.join(map(_escape, phrases))})(?!['’]?\w)", re.IGNORECASE)


def _escape(phrase: str) -> str:
    written = re.escape(phrase).replace(r"\*", r"\w*").replace(r"\ ", r",?\s+")
    return re.sub("['’]", "['’]", written)


def cues_for(texts: Iterable[str], folder: Path | None = None) -> Cues:
    """Return the cues of the languages of the texts; empty if no language fits.

    `folder` holds the user's own tables: `en.toml` adds to the bundled one, any other name adds a language.
    """
    tables = _tables(folder)
    found = [word.lower() for text in texts for word in _WORD.findall(text)]
    shares = {
        code: sum(word in common for word in found) / (len(found) or 1)
        for code, table in tables.items()
        if (common := frozenset(table.get("common", ())))
    }
    best = max(shares.values(), default=0.0)
    chosen = tuple(code for code, share in sorted(shares.items()) if share >= max(_MIN_SHARE, 0.75 * best))
    return _chosen(chosen, folder)


@cache
def _chosen(codes: tuple[str, ...], folder: Path | None) -> Cues:
    return Cues(tuple(_tables(folder)[code] for code in codes), codes)


@cache
def _tables(folder: Path | None) -> dict[str, dict[str, list[str]]]:
    tables = {
        file.name.removesuffix(".toml"): _parse(file.read_text(encoding="utf-8"), file.name)
        for file in resources.files(__package__).joinpath("cues").iterdir()
        if file.name.endswith(".toml")
    }
    for path in sorted(folder.glob("*.toml")) if folder else ():
        try:
            added = _parse(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise InputUnreadable(f"cannot read the cue words in {path}: {error}") from error
        known = tables.setdefault(path.stem, {})
        tables[path.stem] = {name: [*known.get(name, ()), *added.get(name, ())] for name in {*known, *added}}
    return tables


def _parse(text: str, name: str) -> dict[str, list[str]]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputUnreadable(f"{name} is not a table of cue words: {error}") from error
    for key, phrases in table.items():
        if not isinstance(phrases, list) or not all(isinstance(phrase, str) and phrase for phrase in phrases):
            raise InputUnreadable(f"{name}: {key} must be a list of phrases")
    return table
