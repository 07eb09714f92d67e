"""Bytes of any kind become text, or one line says why they cannot."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.dialogue import MAX_BYTES, read_text
from assistant.errors import InputUnreadable, UsageError

TEXT = "Zoë: how much is it?\nRémi: 5 €, “all in”"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_every_usual_encoding_is_read(encoding: str) -> None:
    assert read_text(TEXT.encode(encoding)) == TEXT


def test_latin_1_is_read() -> None:
    assert read_text("Zoë: ça va?".encode("latin-1")) == "Zoë: ça va?"


def test_files_streams_and_bytes_read_alike(tmp_path: Path) -> None:
    file = tmp_path / "talk.txt"
    file.write_bytes(TEXT.encode())
    assert read_text(file) == read_text(io.BytesIO(TEXT.encode())) == read_text(TEXT.encode()) == TEXT


def test_control_sequences_and_foreign_line_ends_are_removed() -> None:
    assert read_text(b"Ana: \x1b[31mred\x1b[0m\r\nBen: ok\r") == "Ana: red\nBen: ok\n"


def test_a_missing_file_is_a_usage_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no file .*gone\.txt") as caught:
        read_text(tmp_path / "gone.txt")
    assert caught.value.exit_code == 2


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match="is a folder"):
        read_text(tmp_path)


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(InputUnreadable, match="cannot read"):
        read_text(tmp_path / "a" / "b")


def test_a_path_with_a_zero_byte_is_refused() -> None:
    with pytest.raises(InputUnreadable, match="cannot read"):
        read_text(Path("a\0b"))


def test_a_file_without_permission_says_how_to_give_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret.txt"
    file.write_text("Ana: hi")
    file.chmod(0)
    if os.access(file, os.R_OK):  # The superuser may read everything, so the refusal is played.

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputUnreadable, match=r"no permission to read .*chmod"):
        read_text(file)


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "huge.txt"
    with file.open("wb") as stream:
        stream.truncate(200 * 2**20)  # Sparse: takes no space.
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("the file was opened"))
    with pytest.raises(InputUnreadable, match="larger than 20 MB"):
        read_text(file)


def test_an_endless_stream_is_cut_off_at_the_limit() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            assert size >= 0
            self.given += size
            return b"a" * size

    stream = Endless()
    with pytest.raises(InputUnreadable, match="larger than 20 MB"):
        read_text(stream)  # type: ignore[arg-type]
    assert stream.given == MAX_BYTES + 1


def test_a_device_without_a_size_is_cut_off_at_the_limit() -> None:
    with pytest.raises(InputUnreadable, match="larger than 20 MB"):
        read_text(Path("/dev/zero"))


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"PK\x03\x04\x14\0\x08\0",
        bytes(range(256)) * 4,
        b"\x7fELF" + b"\0" * 60,
        b"\xff\xfe" + b"\x00\xd8" * 40,  # Says UTF-16, and is half surrogate pairs.
        b"\x81\x8d\x8f\x90" * 20 + b"\xe9",
    ],
    ids=["png", "zip", "all bytes", "program", "broken utf-16", "undecodable"],
)
def test_binary_content_is_refused(content: bytes) -> None:
    with pytest.raises(InputUnreadable, match=r"contains no text|is damaged"):
        read_text(content)


def test_an_empty_input_is_an_empty_text() -> None:
    assert read_text(b"") == ""


@given(st.binary())
def test_no_bytes_crash_the_reader(content: bytes) -> None:
    try:
        text = read_text(content)
    except InputUnreadable as error:
        assert "\n" not in str(error)
    else:
        text.encode()


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf"])))
def test_text_in_utf_8_comes_back_as_it_was(text: str) -> None:
    assert read_text(text.encode()) == text
