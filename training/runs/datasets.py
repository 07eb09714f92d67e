"""Reads training data: JSON Lines, plain or gzip. Knows rows and files, not prompts or tokens."""

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from assistant.errors import DataMissing, UsageError


def names_a_data_set(data: Path) -> bool:
    """Whether it has the form of an id on the Hub, owner/name, and is no file here."""
    return not data.is_file() and str(data).count("/") == 1 and data.suffix not in {".jsonl", ".csv", ".gz"}


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a `.jsonl` or `.jsonl.gz` file, in order.

    Raises DataMissing where there is no such file, and UsageError where it cannot be unpacked or a line is no JSON
    object, with the line's number.
    """
    if not path.is_file():
        raise DataMissing(f"no data file at {path}")
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            yield msgspec.json.decode(line, type=dict[str, Any])
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}, line {number}: not a JSON object ({error})") from error


def _lines(path: Path) -> Iterator[bytes]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as stream:
            yield from stream
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UsageError(f"{path} cannot be unpacked: {error}") from error


def require_fields(rows: Iterable[dict[str, Any]], fields: Sequence[str], path: Path) -> list[dict[str, Any]]:
    """Return the rows, or raise UsageError naming the first row that lacks one of the text fields."""
    kept = []
    for number, row in enumerate(rows, start=1):
        for field in fields:
            if not isinstance(row.get(field), str) or not row[field].strip():
                raise UsageError(f"{path}, row {number}: needs a non-empty text field {field!r}")
        kept.append(row)
    if not kept:
        raise DataMissing(f"{path} holds no rows")
    return kept


def content_hash(paths: Sequence[Path]) -> str:
    """SHA-256 over the bytes of the files, in the order given; names do not count."""
    digest = hashlib.sha256()
    for path in paths:
        if not path.is_file():
            raise DataMissing(f"no data file at {path}")
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
