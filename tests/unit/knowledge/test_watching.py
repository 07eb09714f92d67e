"""A watched folder is read again when a file in it changes, until the watch is stopped."""

import threading
from pathlib import Path

import pytest

from knowledge.errors import NotFound
from knowledge.library import Library
from knowledge.watching import watch
from tests.unit.knowledge.embedders import WordEmbedder
from tests.unit.knowledge.facts import FACT, OTHER


def test_a_file_that_is_written_into_a_watched_folder_answers_soon(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "office.txt").write_text(FACT)
    library = Library(tmp_path / "knowledge", WordEmbedder)
    library.add([docs])
    stop = threading.Event()
    updates = watch(library, stop)
    assert next(updates).unchanged == 1
    writer = threading.Timer(0.3, (docs / "boats.txt").write_text, [OTHER])
    writer.start()
    result = next(update for update in updates if update.added)
    assert (result.added, result.unchanged) == (1, 1)
    assert library.search("Where do long boats moor?").hits[0].text == OTHER
    (docs / "boats.txt").rename(docs / "moved.txt")
    assert next(update for update in updates if update.moved).passages == 0
    stop.set()
    assert list(updates) == []
    writer.join()


def test_without_a_folder_there_is_nothing_to_watch(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nothing to watch"):
        next(watch(Library(tmp_path / "knowledge", WordEmbedder)))
