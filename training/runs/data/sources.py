"""Converts data to JSON Lines: parquet, `save_to_disk` folders, JSON arrays, CSV and TSV, compressed or not, Hub data
sets, and data with other column names.

Plain JSON Lines are read in place. Everything else is written once to a private file named by its content, so that a
run can be resumed with the same rows even if the source changes.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from assistant.errors import DataMissing, UsageError
from assistant.files import write_atomically
from assistant.locations import state_dir
from assistant.terminal import one_line
from training.runs.data.datasets import BOM, names_a_data_set, read_rows, unpacked

Row = dict[str, Any]
_PACKED = {".gz", ".zst", ".bz2", ".xz"}
_TRUTHS = dict.fromkeys(("true", "t", "1", "1.0", "yes", "y"), True)
_TRUTHS |= dict.fromkeys(("false", "f", "0", "0.0", "no", "n"), False)
"""Spellings of a thumb's label in CSV files."""
_FIELDS = {"dialogue", "prompt", "messages", "chosen", "completion", "ranking", "input", "text", "question", "kind"}
"""Fields of which each row has at least one."""
_NAMED = 6
"""Files to name in a message, at most."""
_LONGEST_CELL = 2**31 - 1
_PARTS = {"train", "training", "test", "testing", "dev", "validation", "valid", "val", "eval"}
"""Names of the splits of a data set, in folders and files."""


def parse_columns(said: Sequence[str]) -> dict[str, str]:
    """Parse `dialogue=text,summary=target` into Parley's name -> the data's name. Raises UsageError."""
    found: dict[str, str] = {}
    for part in (part.strip() for one in said for part in one.split(",")):
        ours, separator, theirs = (piece.strip() for piece in part.partition("="))
        if not (ours and separator and theirs):
            raise UsageError(f"--columns takes OURS=THEIRS, such as dialogue=text,summary=target, not {part!r}")
        found[ours] = theirs
    return found


def as_json_lines(
    source: Path, columns: Mapping[str, str], *, download: bool = False, folder: Path | None = None
) -> Path:
    """Return the source as a file of JSON Lines: the source itself if it is one and no columns need renaming, else a
    file in `folder`, by default in Parley's data.

    Raises DataMissing if there is no such source, and UsageError if it cannot be read or lacks a column.
    """
    if source.is_file() and not columns and _is_lines(source):
        return source
    rows = list(_renamed(read_source(source, download=download), columns, source))
    if not rows:
        raise DataMissing(f"{source} has no rows")
    return keep_rows(source.name.partition(".")[0].replace(":", "-") or "data", rows, folder)


def read_source(source: Path, *, download: bool = False) -> Iterator[Row]:
    """Yield the rows of a file, a folder or a Hub data set, without empty cells."""
    if source.is_dir():
        found = _read_folder(source)
    elif names_a_data_set(source):
        found = _read_hub(source, download)
    elif not source.is_file():
        raise DataMissing(f"no data file at {source}")
    else:
        found = _read_file(source)
    return ({name: value for name, value in row.items() if value is not None} for row in found)


def keep_rows(name: str, rows: Sequence[Row], folder: Path | None = None) -> Path:
    """Write the rows to a private file named by their content, so that a run can be resumed with the same rows."""
    content = b"".join(msgspec.json.encode(row, enc_hook=str) + b"\n" for row in rows)
    place = (folder or state_dir() / "data") / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}.jsonl"
    if not place.exists():
        write_atomically(place, content)
    return place


def _is_lines(source: Path) -> bool:
    """Return whether the source is JSON Lines, plain or gzip, that can be read in place, whatever its name."""
    is_table = _kind(source) in (".parquet", ".arrow", ".csv", ".tsv")
    return not is_table and source.suffix.lower() not in _PACKED - {".gz"} and _starts_as_lines(source)


def _kind(source: Path) -> str:
    """Return the suffix without that of the compression: .csv for rows.csv.gz."""
    suffixes = [suffix.lower() for suffix in source.suffixes]
    while suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _read_file(source: Path) -> Iterator[Row]:
    match _kind(source):
        case ".parquet":
            return _read_tables("parquet", [source])
        case ".arrow":
            return _read_tables("arrow", [source])
        case ".csv":
            return _read_csv(source, ",")
        case ".tsv":
            return _read_csv(source, "\t")
        case _:
            return read_rows(source) if _starts_as_lines(source) else _read_json(source)


def _starts_as_lines(source: Path) -> bool:
    """Return whether the content looks like JSON Lines: its first non-blank line starts no array, is not a lone brace,
    and is not the only line, an object with a list of the rows.
    """
    with unpacked(source) as stream:
        lines = (line for line in stream if line.removeprefix(BOM).strip())
        start = next(lines, b"").removeprefix(BOM).strip()
        if start.startswith(b"[") or start == b"{":
            return False
        return next(lines, None) is not None or not _holds_rows(start)


def _holds_rows(line: bytes) -> bool:
    """Return whether a file's only line is not a row, but an object such as {"data": […]}."""
    try:
        found = msgspec.json.decode(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and _wraps_rows(found)


def _lists_in(found: Row) -> list[list[Any]]:
    """Return the values that are lists of objects."""
    return [value for value in found.values() if isinstance(value, list) and value and isinstance(value[0], dict)]


def _wraps_rows(found: Row) -> bool:
    return len(_lists_in(found)) == 1 and not _FIELDS & found.keys()


def _read_json(source: Path) -> Iterator[Row]:
    """Read an array of objects, or an object with one list of them, such as {"data": […]}."""
    with unpacked(source) as stream:
        content = stream.read().removeprefix(BOM)
    try:
        found = msgspec.json.decode(content)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{source} is not JSON: {error}") from error
    if isinstance(found, dict):
        found = _lists_in(found)[0] if _wraps_rows(found) else [found]
    for number, row in enumerate(found, start=1):
        if not isinstance(row, dict):
            raise UsageError(f"{source}, row {number}: not a JSON object")
        yield row


def _read_csv(source: Path, between: str) -> Iterator[Row]:
    with unpacked(source) as stream:
        content = stream.read()
    try:
        lines = io.StringIO(content.decode("utf-8-sig"), newline="")
        csv.field_size_limit(_LONGEST_CELL)  # A long conversation is one cell.
        read = csv.DictReader(lines, delimiter=between)
        names = read.fieldnames or ()
        if doubled := next((name for name in names if name and names.count(name) > 1), None):
            raise UsageError(f"{source}: two columns are called {doubled!r}: rename one of them in the first line")
        for number, row in enumerate(read, start=1):
            if None in row:
                raise UsageError(f"{source}, row {number}: has more cells than the first line has names")
            if "label" in row:
                row = {**row, "label": _TRUTHS.get(str(row["label"]).strip().lower(), row["label"])}
            yield row
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{source} is not a CSV file in UTF-8: {error}") from error


def _read_folder(folder: Path) -> Iterator[Row]:
    """Read a folder that `datasets` saved, or the parquet files in it."""
    import datasets

    if (folder / "dataset_dict.json").is_file():
        parts = sorted(path.name for path in folder.iterdir() if path.is_dir())
        if "train" not in parts:
            raise UsageError(f"{folder} holds the parts {', '.join(parts)}: name one of them, such as {folder.name}/…")
        return _read_folder(folder / "train")
    if (folder / "state.json").is_file():
        try:
            found = datasets.load_from_disk(str(folder))
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(f"{folder} cannot be read as a data set: {error}") from error
        return (dict(row) for row in found)
    shards = sorted(folder.rglob("*.parquet"))
    if not shards:
        raise UsageError(
            f"{folder} is not a data set: it has neither state.json, as `save_to_disk` writes, nor *.parquet"
        )
    return _read_tables("parquet", _to_learn_from(shards, folder))


def _to_learn_from(shards: Sequence[Path], folder: Path) -> Sequence[Path]:
    """Return the shards of the split "train", or all shards if no file or folder is named after a split.

    Raises UsageError if there are only other splits.
    """
    parts = [_part_of(shard.relative_to(folder)) for shard in shards]
    train = [shard for shard, part in zip(shards, parts, strict=True) if part in ("train", "training")]
    if train or not any(parts):
        return train or shards
    names = ", ".join(str(shard.relative_to(folder)) for shard in shards[:_NAMED])
    more = f" and {len(shards) - _NAMED} more" if len(shards) > _NAMED else ""
    raise UsageError(f'{folder} has no part "train", only {names}{more}: name one of the files')


def _part_of(shard: Path) -> str:
    """Return the split named in the innermost part of the path, such as train for default/train/0000.parquet and for
    train-00000-of-00002.parquet, or "".
    """
    for name in reversed((*shard.parts[:-1], shard.stem)):
        if found := [word for word in re.split(r"[^a-z]+", name.lower()) if word in _PARTS]:
            return found[0]
    return ""


def _read_tables(kind: str, files: Sequence[Path]) -> Iterator[Row]:
    """Read parquet or Arrow files. They are streamed, so that `datasets` makes no copy in its cache."""
    import datasets
    from pyarrow import ArrowException

    try:
        names = [str(file) for file in files]
        yield from datasets.load_dataset(kind, data_files=names, split="train", streaming=True)
    except (OSError, ValueError, ArrowException, datasets.exceptions.DatasetsError) as error:
        raise UsageError(f"{files[0]} cannot be read as {kind}: {error}") from error


def _read_hub(source: Path, download: bool) -> Iterator[Row]:
    """Read the rows of owner/name:split on the Hub; the default split is `train`."""
    import datasets

    name, _, split = str(source).partition(":")
    try:
        # Without download, only data in the cache are read.
        config = datasets.DownloadConfig(local_files_only=not download)
        found = datasets.load_dataset(name, split=split or "train", download_config=config)
    except (OSError, ValueError) as error:
        if "Unknown split" in str(error):
            raise UsageError(f"{name}: {one_line(str(error))}") from error
        hint = "check the id and the connection" if download else "--download fetches it, where a stage has that flag"
        raise DataMissing(f"no data file and no data set {source} on this machine: {hint}") from error
    return (dict(row) for row in found)


def _renamed(rows: Iterator[Row], columns: Mapping[str, str], source: Path) -> Iterator[Row]:
    """Yield the rows with renamed columns.

    Raises UsageError, after the last row, if a column is in none of the rows. Any row may lack a column, because empty
    cells are left out.
    """
    seen: dict[str, None] = {}
    for row in rows:
        seen |= dict.fromkeys(row)
        named = {ours: row[theirs] for ours, theirs in columns.items() if theirs in row}
        yield {name: value for name, value in row.items() if name not in columns.values()} | named
    for theirs in columns.values():
        if seen and theirs not in seen:
            raise UsageError(f"{source} has no column {theirs!r}; it has {', '.join(seen)}")
