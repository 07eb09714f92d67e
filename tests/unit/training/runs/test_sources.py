"""Data in the formats that people have: all of them are the same rows."""

import bz2
import csv
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow
import pytest

from assistant.errors import DataMissing, UsageError
from training.runs.data.datasets import read_rows
from training.runs.data.sources import as_json_lines, parse_columns, read_source

ROWS = [
    {"dialogue": "Maya: Is it ready?\nTom: Yes, “tomorrow”.", "summary": "Tom says tomorrow."},
    {"dialogue": "Ann: Größe?\nBen: 42, or\t43.", "summary": "Ben says 42."},
]


def _lines(rows: list[dict[str, Any]] = ROWS) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _table(path: Path, between: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(ROWS[0]), delimiter=between)
        writer.writeheader()
        writer.writerows(ROWS)


def _zst(path: Path) -> None:
    with pyarrow.output_stream(str(path), compression="zstd") as stream:
        stream.write(_lines())


def _parts(path: Path) -> None:
    datasets.DatasetDict(
        {"train": datasets.Dataset.from_list(ROWS), "test": datasets.Dataset.from_list(ROWS[:1])}
    ).save_to_disk(str(path))


def _shards(path: Path) -> None:
    (path / "data").mkdir(parents=True)
    for n, row in enumerate(ROWS):
        datasets.Dataset.from_list([row]).to_parquet(str(path / "data" / f"train-{n:05}-of-00002.parquet"))
    datasets.Dataset.from_list(ROWS[:1]).to_parquet(str(path / "data" / "test-00000-of-00001.parquet"))


def _folders(path: Path) -> None:
    for part, rows in (("train", ROWS), ("test", ROWS[:1])):
        (path / "default" / part).mkdir(parents=True)
        datasets.Dataset.from_list(rows).to_parquet(str(path / "default" / part / "0000.parquet"))


_FORMATS: dict[str, Callable[[Path], Any]] = {
    "rows.jsonl": lambda path: path.write_bytes(_lines()),
    "bom.jsonl": lambda path: path.write_bytes(b"\xef\xbb\xbf" + _lines()),
    "rows.jsonl.gz": lambda path: path.write_bytes(gzip.compress(_lines())),
    "rows.jsonl.bz2": lambda path: path.write_bytes(bz2.compress(_lines())),
    "rows.jsonl.xz": lambda path: path.write_bytes(lzma.compress(_lines())),
    "rows.jsonl.zst": _zst,
    "rows.txt": lambda path: path.write_bytes(_lines()),
    "array.json": lambda path: path.write_bytes(b"\xef\xbb\xbf" + json.dumps(ROWS, indent=1).encode()),
    "lines.json": lambda path: path.write_bytes(_lines()),
    "wrapped.json": lambda path: path.write_text(json.dumps({"version": 1, "data": ROWS}, indent=2)),
    "short.json": lambda path: path.write_text(json.dumps({"version": 1, "data": ROWS}) + "\n"),
    "short.jsonl.gz": lambda path: path.write_bytes(gzip.compress(json.dumps({"rows": ROWS}).encode())),
    "array.json.gz": lambda path: path.write_bytes(gzip.compress(json.dumps(ROWS).encode())),
    "rows.csv": lambda path: _table(path, ","),
    "rows.tsv": lambda path: _table(path, "\t"),
    "bom.csv": lambda path: (_table(path, ","), path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())),
    "rows.csv.gz": lambda path: (_table(path, ","), path.write_bytes(gzip.compress(path.read_bytes()))),
    "rows.parquet": lambda path: datasets.Dataset.from_list(ROWS).to_parquet(str(path)),
    "saved": lambda path: datasets.Dataset.from_list(ROWS).save_to_disk(str(path)),
    "parts": _parts,
    "shards": _shards,
    "folders": _folders,
}


@pytest.mark.parametrize("name", _FORMATS)
def test_every_format_is_the_same_rows(name: str, tmp_path: Path, home: Path) -> None:
    place = tmp_path / name
    _FORMATS[name](place)
    kept = as_json_lines(place, {})
    assert list(read_rows(kept)) == ROWS
    # What is read where it lies is not copied.
    assert (kept == place) == (name in ("rows.jsonl", "bom.jsonl", "rows.jsonl.gz", "rows.txt", "lines.json"))
    assert as_json_lines(place, {}) == kept, "the same rows are the same file"


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet", "saved"])
def test_columns_get_our_names_and_a_wrong_one_names_those_that_are_there(
    name: str, tmp_path: Path, home: Path
) -> None:
    place = tmp_path / name
    _FORMATS[name](place)
    kept = as_json_lines(place, parse_columns(["text=dialogue, target=summary"]), folder=tmp_path / "kept")
    assert list(read_rows(kept)) == [{"text": row["dialogue"], "target": row["summary"]} for row in ROWS]
    assert kept.parent == tmp_path / "kept"
    with pytest.raises(UsageError, match=f"{name} has no column 'talk'; it has dialogue, summary"):
        as_json_lines(place, {"dialogue": "talk"})


def test_a_column_may_be_empty_in_the_first_row(tmp_path: Path, home: Path) -> None:
    place = tmp_path / "rows.jsonl"
    place.write_bytes(_lines([{"talk": "A: a", "short": None}, {"talk": "B: b", "short": "B."}]))
    kept = as_json_lines(place, {"dialogue": "talk", "summary": "short"})
    assert list(read_rows(kept)) == [{"dialogue": "A: a"}, {"dialogue": "B: b", "summary": "B."}]


def test_one_long_row_of_lines_is_a_row(tmp_path: Path, home: Path) -> None:
    row = {"prompt": "Sum this up.", "chosen": [{"role": "assistant", "content": "Done."}], "rejected": "No."}
    (tmp_path / "one.jsonl").write_bytes(_lines([row]))
    assert as_json_lines(tmp_path / "one.jsonl", {}) == tmp_path / "one.jsonl"
    assert list(read_source(tmp_path / "one.jsonl")) == [row]


def test_a_cell_may_be_a_long_conversation(tmp_path: Path) -> None:
    long = "Maya: Yes. " * 20_000  # 220,000 characters, where the csv module stops at 131,072.
    (tmp_path / "rows.csv").write_text(f"dialogue,summary\n{long},Maya agrees.\n")
    assert [row["dialogue"] for row in read_source(tmp_path / "rows.csv")] == [long]


def test_a_folder_without_a_part_to_learn_from_names_its_files(tmp_path: Path) -> None:
    for part in ("test", "validation"):
        (tmp_path / part).mkdir()
        datasets.Dataset.from_list(ROWS).to_parquet(str(tmp_path / part / "0.parquet"))
    with pytest.raises(UsageError, match=r'has no part "train", only test/0\.parquet, validation/0\.parquet: name one'):
        list(read_source(tmp_path))


def test_a_chat_that_is_null_is_none(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(_lines([{"messages": None, **ROWS[0]}]))
    (row,) = read_rows(tmp_path / "rows.jsonl")
    assert (row["dialogue"], row["summary"]) == (ROWS[0]["dialogue"], ROWS[0]["summary"])


def test_one_column_may_be_two_of_ours(tmp_path: Path, home: Path) -> None:
    place = tmp_path / "rows.jsonl"
    place.write_bytes(_lines())
    kept = as_json_lines(place, {"dialogue": "dialogue", "prompt": "dialogue", "summary": "summary"})
    assert next(read_rows(kept)) == {**ROWS[0], "prompt": ROWS[0]["dialogue"]}


@pytest.mark.parametrize("said", ["dialogue", "=text", "dialogue=", "a=b,,"])
def test_columns_that_are_no_pairs_are_refused(said: str) -> None:
    with pytest.raises(UsageError, match="OURS=THEIRS"):
        parse_columns([said])


def test_empty_cells_are_left_out_and_labels_of_csv_are_truths(tmp_path: Path) -> None:
    datasets.Dataset.from_list([{"prompt": "A", "fail": None}, {"prompt": "B", "fail": ["x"]}]).to_parquet(
        str(tmp_path / "rows.parquet")
    )
    assert list(read_source(tmp_path / "rows.parquet")) == [{"prompt": "A"}, {"prompt": "B", "fail": ["x"]}]
    (tmp_path / "thumbs.csv").write_text(
        "prompt,completion,label\nA,b,True\nA,c,0\nA,d,maybe\nA,e,0.0\nA,f,N\nA,g,1.0\n"
    )
    assert [row["label"] for row in read_source(tmp_path / "thumbs.csv")] == [True, False, "maybe", False, False, True]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.parquet", b"nonsense", "cannot be read as parquet"),
        ("a.jsonl.zst", b"nonsense", "cannot be unpacked"),
        ("a.csv.gz", b"nonsense", "cannot be unpacked"),
        ("a.csv", b"a,b\n1,2,3\n", "row 1: has more cells"),
        ("a.csv", b"a\n\xff\n", "not a CSV file in UTF-8"),
        ("a.csv", b"summary,dialogue,summary\n1,2,3\n", "two columns are called 'summary'"),
        ("a.jsonl.bz2", b"nonsense", "cannot be unpacked"),
        ("a.jsonl.xz", b"nonsense", "cannot be unpacked"),
        ("a.json", b"[1, 2]", "row 1: not a JSON object"),
        ("a.json", b"[{", "not JSON"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(
    name: str, content: bytes, complaint: str, tmp_path: Path, home: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=complaint):
        as_json_lines(tmp_path / name, {})


def test_folders_that_are_no_data_sets_and_parts_without_train_are_named(tmp_path: Path, home: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="is not a data set"):
        as_json_lines(tmp_path / "empty", {})
    datasets.DatasetDict({"dev": datasets.Dataset.from_list(ROWS)}).save_to_disk(str(tmp_path / "parts"))
    with pytest.raises(UsageError, match="holds the parts dev"):
        as_json_lines(tmp_path / "parts", {})
    assert len(list(read_source(tmp_path / "parts" / "dev"))) == 2


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="no data file"):
        list(read_source(tmp_path / "none.parquet"))
    with pytest.raises(DataMissing, match="no data set nobody/nothing"):
        list(read_source(Path("nobody/nothing")))


def test_a_chat_is_its_last_answer_and_what_was_said_before(tmp_path: Path) -> None:
    asked = {"role": "user", "content": "Sum this up."}
    path = tmp_path / "chats.jsonl"
    chats = [
        [asked, {"role": "assistant", "content": "Done."}],
        [{"role": "system", "content": "Be brief."}, asked, {"role": "assistant", "content": "Done."}],
    ]
    path.write_bytes(_lines([{"id": str(n), "messages": chat} for n, chat in enumerate(chats)]))
    one, two = read_rows(path)
    assert one == {"id": "0", "prompt": "Sum this up.", "dialogue": "Sum this up.", "summary": "Done."}
    assert two["prompt"] == "System: Be brief.\nUser: Sum this up."
    path.write_bytes(_lines([{"messages": [asked]}]))
    with pytest.raises(UsageError, match="line 1: messages must end with the assistant's answer"):
        list(read_rows(path))
