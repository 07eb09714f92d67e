"""Reads training data from JSON Lines, compressed or not. `training.runs.data.sources` converts other formats."""

import bz2
import codecs
import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from assistant.errors import DataMissing, UsageError
from assistant.feedback.sharing.lines import said

BOM = codecs.BOM_UTF8
_SUFFIXES = {".jsonl", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".gz", ".zst", ".bz2", ".xz"}


def names_a_data_set(data: Path) -> bool:
    """Return whether this is an id on the Hub, owner/name or owner/name:split, and not a local path."""
    return not data.exists() and str(data).count("/") == 1 and data.suffix not in _SUFFIXES


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a file of JSON Lines, in order. A chat of "messages" becomes its last answer and the
    prompt for it.

    Raises DataMissing if there is no such file, and UsageError if it cannot be unpacked or a line is not a JSON object,
    with the line's number.
    """
    if not path.is_file():
        raise DataMissing(f"no data file at {path}")
    with unpacked(path) as stream:
        for number, line in enumerate(stream, start=1):
            said = line.removeprefix(BOM) if number == 1 else line
            if not said.strip():
                continue
            try:
                row = msgspec.json.decode(said, type=dict[str, Any])
            except (ValueError, RecursionError) as error:
                raise UsageError(f"{path}, line {number}: not a JSON object ({error})") from error
            yield _of_chat(row, f"{path}, line {number}") if row.get("messages") is not None else row


@contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, and unpack it if its suffix is gz, zst, bz2 or xz. Raises UsageError if it cannot be
    unpacked.
    """
    try:
        with _opened(path) as stream:
            yield stream
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise UsageError(f"{path} cannot be unpacked: {error}") from error
    except OSError as error:
        # Errors in a packed file's content have no errno.
        if error.errno is not None:
            raise
        raise UsageError(f"{path} cannot be unpacked: {error}") from error


def _opened(path: Path) -> Any:
    match path.suffix.lower():
        case ".gz":
            return gzip.open(path, "rb")
        case ".bz2":
            return bz2.open(path, "rb")
        case ".xz":
            return lzma.open(path, "rb")
        case ".zst":
            return _unpacked_zst(path)
    return path.open("rb")


def _unpacked_zst(path: Path) -> IO[bytes]:
    # pyarrow comes with datasets. Python has zstd from 3.14 on.
    import pyarrow

    try:
        with pyarrow.input_stream(str(path), compression="zstd") as stream:
            return io.BytesIO(stream.read())
    except OSError as error:
        raise UsageError(f"{path} cannot be unpacked: {error}") from error


def _of_chat(row: dict[str, Any], place: str) -> dict[str, Any]:
    """Turn a chat into a prompt, with all earlier messages, and the assistant's last answer."""
    try:
        messages = msgspec.convert(row["messages"], list[dict[str, Any]])
        last = messages[-1]
        if not all(isinstance(one.get("content"), str) for one in messages):
            raise UsageError(f"{place}: the content of each message must be text")
        if last.get("role") != "assistant" or len(messages) < 2:
            raise UsageError(f"{place}: messages must end with the assistant's answer to another message")
    except (msgspec.ValidationError, IndexError) as error:
        raise UsageError(f'{place}: messages must be a list of {{"role", "content"}}') from error
    prompt = said(messages[:-1])
    rest = {name: value for name, value in row.items() if name != "messages"}
    return {"prompt": prompt, "dialogue": prompt, "summary": said([last]), **rest}


def require_fields(rows: Iterable[dict[str, Any]], fields: Sequence[str], path: Path) -> list[dict[str, Any]]:
    """Return the rows. Raises UsageError that names the first row without one of the text fields, and DataMissing if
    there are no rows.
    """
    kept = []
    for number, row in enumerate(rows, start=1):
        for field in fields:
            if not isinstance(row.get(field), str) or not row[field].strip():
                raise lacks(f"{path}, row {number}", field, row)
        kept.append(row)
    if not kept:
        raise DataMissing(f"{path} has no rows")
    return kept


def lacks(place: str, field: str, row: Mapping[str, Any]) -> UsageError:
    """Return the error for a row without a text field, with the text fields that it has."""
    others = [name for name, value in row.items() if isinstance(value, str) and value.strip() and name != field]
    hint = f"; it has {', '.join(others)}: --columns {field}=NAME says which" if others else ""
    return UsageError(f"{place}: needs a non-empty text field {field!r}{hint}")


def bytes_at(path: Path) -> int | None:
    """Return the size of a file, or of all files in a folder, in bytes; None if there is nothing at the path."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.exists() else None


def content_hash(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of the files' contents, in the order given. Names do not count. Raises DataMissing."""
    digest = hashlib.sha256()
    for path in paths:
        if not path.is_file():
            raise DataMissing(f"no data file at {path}")
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
