"""Reading training data."""

import gzip
import hashlib
from pathlib import Path

import pytest

from assistant.errors import DataMissing, UsageError
from training.runs.data.datasets import content_hash, read_rows, require_fields


def test_rows_come_in_order_from_plain_and_gzip_files_and_blank_lines_are_none(tmp_path: Path) -> None:
    text = '{"id": 1}\n\n{"id": "zwei", "ü": null}\n'
    plain, packed = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz"
    plain.write_text(text, encoding="utf-8")
    packed.write_bytes(gzip.compress(text.encode()))
    assert list(read_rows(plain)) == [{"id": 1}, {"id": "zwei", "ü": None}]
    assert list(read_rows(packed)) == list(read_rows(plain))


@pytest.mark.parametrize("line", ["[1]", "nonsense", '"text"', '{"a": 1'])
def test_a_line_that_is_no_object_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1}\n' + line + "\n")
    with pytest.raises(UsageError, match="line 2"):
        list(read_rows(path))


def test_a_file_that_is_not_gzip_in_spite_of_its_name_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(b"plain text")
    with pytest.raises(UsageError, match="cannot be unpacked"):
        list(read_rows(path))


def test_a_missing_file_is_missing_data(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="no data file"):
        list(read_rows(tmp_path / "none.jsonl"))


@pytest.mark.parametrize("row", [{"dialogue": "A: hi"}, {"dialogue": "A: hi", "summary": " "}, {"summary": 3}])
def test_a_row_that_lacks_a_field_is_named_by_its_number(row: dict[str, object]) -> None:
    whole = {"dialogue": "A: hi", "summary": "A greets."}
    with pytest.raises(UsageError, match="row 2"):
        require_fields([whole, row], ("dialogue", "summary"), Path("a.jsonl"))


def test_a_file_without_rows_is_missing_data() -> None:
    with pytest.raises(DataMissing, match="has no rows"):
        require_fields([], ("dialogue",), Path("a.jsonl"))


def test_the_hash_is_that_of_the_contents_and_knows_their_order_but_not_their_names(tmp_path: Path) -> None:
    for name, content in (("a", b"one"), ("b", b"two"), ("c", b"one")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (tmp_path / name for name in "abc")
    assert content_hash([a, b]) == hashlib.sha256(b"onetwo").hexdigest()
    assert content_hash([c, b]) == content_hash([a, b])
    assert content_hash([b, a]) != content_hash([a, b])
