"""A process that is killed while it indexes leaves a catalog that opens, and an update completes it to the same state
as a run that nobody disturbed."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from knowledge.library import Library
from tests.unit.knowledge.embedders import WordEmbedder

_WORDS = ["harbour", "cheese", "office", "pier", "lantern", "brine", "rope", "tide"]
_ROOT = Path(__file__).parents[3]
_INDEX = """
import sys
from pathlib import Path
from knowledge.library import Library
from tests.unit.knowledge.embedders import WordEmbedder

library = Library(Path(sys.argv[1]), WordEmbedder)
print("begun", flush=True)
library.add([Path(sys.argv[2])], lambda progress: print(progress.files_done, flush=True))
"""


def _write_documents(folder: Path, count: int) -> None:
    folder.mkdir()
    chance = random.Random(7)
    for number in range(count):
        words = chance.choices(_WORDS, k=300)
        text = ". ".join(" ".join(words[first : first + 12]) for first in range(0, 300, 12))
        (folder / f"note{number:03}.txt").write_text(f"Note {number}\n\n{text}.\n")


def _state(folder: Path) -> list[tuple[object, ...]]:
    """All that is stored, without the numbers of rows, which depend on the order of work."""
    database = sqlite3.connect(folder / "catalog.db")
    try:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        files = database.execute("SELECT path, size, mtime_ns, reason FROM files ORDER BY path").fetchall()
        documents = database.execute("SELECT hash, title, text FROM documents ORDER BY hash").fetchall()
        passages = database.execute(
            'SELECT p.key, p.start, p."end", p.page, p.headings, p.whole, p.windows, w.title, w.text FROM passages p'
            " JOIN words w ON w.rowid = p.id ORDER BY p.key"
        ).fetchall()
        (words,) = database.execute("SELECT count(*) FROM words").fetchone()
    finally:
        database.close()
    assert words == len(passages)
    return [*files, *documents, *passages]


def _kill_while_indexing(folder: Path, docs: Path, seconds: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _INDEX, str(folder), str(docs)], cwd=_ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "begun\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)


def _check_kills(tmp_path: Path, files: int, kills: int, longest: float) -> None:
    docs = tmp_path / "docs"
    _write_documents(docs, files)
    undisturbed = Library(tmp_path / "undisturbed", WordEmbedder)
    undisturbed.add([docs])
    expected = _state(tmp_path / "undisturbed")
    question = "cheese in the harbour office"
    answers = [hit.passage_id for hit in undisturbed.search(question, 10).hits]
    chance = random.Random(11)
    interrupted = 0
    for number in range(kills):
        folder = tmp_path / f"killed{number}"
        _kill_while_indexing(folder, docs, chance.uniform(0, longest))
        survivor = Library(folder, WordEmbedder)
        read = len(survivor.files())
        interrupted += read < files
        survivor.add([docs])
        assert _state(folder) == expected
        assert [hit.passage_id for hit in survivor.search(question, 10).hits] == answers
        survivor.close()
    assert interrupted, "no kill came in time to disturb anything"


def test_a_killed_run_is_completed_to_the_same_state(tmp_path: Path) -> None:
    _check_kills(tmp_path, files=60, kills=1, longest=0.05)


@pytest.mark.slow
def test_twenty_killed_runs_are_completed_to_the_same_state(tmp_path: Path) -> None:
    _check_kills(tmp_path, files=150, kills=20, longest=0.6)


def test_a_kill_while_the_index_file_is_written_costs_nothing(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    _write_documents(docs, 5)
    library = Library(tmp_path / "knowledge", WordEmbedder)
    library.add([docs])
    answers = [hit.passage_id for hit in library.search("cheese", 5).hits]
    saved = tmp_path / "knowledge" / "index.faiss"
    saved.write_bytes(saved.read_bytes()[: saved.stat().st_size // 2])
    (tmp_path / "knowledge" / ".index.faiss.12345678.part").write_bytes(b"half of an index")
    reopened = Library(tmp_path / "knowledge", WordEmbedder)
    assert [hit.passage_id for hit in reopened.search("cheese", 5).hits] == answers
