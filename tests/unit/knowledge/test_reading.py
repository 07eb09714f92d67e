"""Files are read in a process of their own, which a hostile one may end or hold up; the next is read all the same."""

import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from knowledge.errors import DocumentUnreadable
from knowledge.loaders import load
from knowledge.reading import Bounds, Reader, read
from tests.unit.knowledge.samples import FACT, sample


@pytest.mark.parametrize("suffix", [".pdf", ".docx", ".xlsx", ".html", ".txt", ".csv"])
def test_a_document_is_the_same_as_read_here(suffix: str) -> None:
    content = sample(suffix)
    assert read("harbour" + suffix, content) == load("harbour" + suffix, content)


def test_a_reason_is_the_same_as_given_here() -> None:
    with pytest.raises(DocumentUnreadable, match=r"^damaged: not JSON \(line 1\)$"):
        read("a.json", b'{"')


def test_a_large_file_goes_through_the_pipe_whole() -> None:
    rows = b"day,hours\n" + b"".join(b"day %d,seven to nine\n" % number for number in range(20_000))
    assert read("a.csv", rows).text.count("seven to nine") == 20_000


def test_what_takes_too_much_memory_is_refused_and_the_next_file_read() -> None:
    reader = Reader(Bounds(memory=700 * 2**20))
    with pytest.raises(DocumentUnreadable, match="memory to read: open it and save it anew"):
        reader.read("bomb.pdf", _pdf(b"BT /F 9 Tf " + b"(harbour) Tj " * 1_000_000 + b"ET"))
    assert FACT in reader.read("a.pdf", sample(".pdf")).text


def test_what_takes_too_long_is_refused_and_the_next_file_read() -> None:
    reader = Reader(Bounds(seconds=1))
    with pytest.raises(DocumentUnreadable, match="takes more than 1 s to read: save it anew, or in parts"):
        reader.read("slow.tex", b"\\begin{tabular}" * 20_000)
    assert FACT in reader.read("a.pdf", sample(".pdf")).text


def test_a_process_that_ended_for_want_of_work_is_started_again() -> None:
    reader = Reader(Bounds(idle=0.01))
    for _ in range(2):
        assert FACT in reader.read("a.pdf", sample(".pdf")).text
        time.sleep(0.3)


def test_nothing_is_imported_from_the_folder_that_one_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    assert FACT in Reader().read("a.pdf", sample(".pdf")).text


def _pdf(page: bytes) -> bytes:
    packed = zlib.compress(page, 9)
    head = b"""%PDF-1.5
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
"""
    stream = b"4 0 obj<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream endobj\n" % (len(packed), packed)
    return head + stream + b"trailer<</Root 1 0 R>>\n%%EOF"


def test_time_is_bounded_where_the_memory_is_bounded_more_tightly_already() -> None:
    limited = (
        "import resource, sys\n"
        "from knowledge.reading import Bounds, Reader\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))\n"
        "try:\n"
        "    Reader(Bounds(seconds=1)).read('slow.tex', b'\\\\begin{tabular}' * 20_000)\n"
        "except Exception as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.startswith("takes more than 1 s to read")
