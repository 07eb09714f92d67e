"""The index finds the nearest, forgets what was removed, and is never trusted further than it can be checked."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from knowledge.search import index as index_module
from knowledge.search.embedder import Vectors
from knowledge.search.index import VectorIndex


def _vectors(count: int, seed: int = 0, dimension: int = 16) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def _filled(count: int, dimension: int = 16) -> tuple[VectorIndex, Vectors]:
    vectors = _vectors(count, dimension=dimension)
    index = VectorIndex("words-1", dimension)
    index.add(np.arange(100, 100 + count), vectors)
    return index, vectors


def test_the_nearest_come_first_under_their_own_numbers() -> None:
    index, vectors = _filled(50)
    order = np.argsort(-(vectors @ vectors[7]))[:5] + 100
    assert index.search(vectors[7], 5) == order.tolist()


def test_what_was_removed_is_not_found_again() -> None:
    index, vectors = _filled(50)
    index.remove(np.array([107, 120]))
    assert 107 not in index.search(vectors[7], 50)
    assert len(index) == 48
    assert 120 not in index.rows


def test_only_allowed_rows_are_found() -> None:
    index, vectors = _filled(50)
    assert sorted(index.search(vectors[7], 10, np.array([101, 103]))) == [101, 103]
    assert index.search(vectors[7], 10, np.array([], dtype=np.int64)) == []


def test_an_empty_index_finds_nothing() -> None:
    assert VectorIndex("words-1", 16).search(_vectors(1)[0], 5) == []


def test_a_saved_index_is_the_same_when_it_is_read(tmp_path: Path) -> None:
    index, vectors = _filled(50)
    index.revision = 4
    index.save(tmp_path / "index")
    read = VectorIndex.load(tmp_path / "index", "words-1", 16)
    assert (read.revision, len(read)) == (4, 50)
    assert read.search(vectors[3], 5) == index.search(vectors[3], 5)
    assert (tmp_path / "index").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["absent", "other embedder", "cut short", "flipped", "no header"])
def test_a_file_that_does_not_fit_is_taken_for_an_empty_index(tmp_path: Path, damage: str) -> None:
    index, _ = _filled(50)
    path = tmp_path / "index"
    index.save(path)
    content = bytearray(path.read_bytes())
    if damage == "absent":
        path.unlink()
    elif damage == "cut short":
        path.write_bytes(content[:-100])
    elif damage == "flipped":
        content[-100] ^= 1
        path.write_bytes(content)
    elif damage == "no header":
        path.write_bytes(b"IxM2 an index written by something else\n")
    read = VectorIndex.load(path, "words-2" if damage == "other embedder" else "words-1", 16)
    assert (len(read), read.revision) == (0, -1)


def test_beyond_exact_search_lists_find_almost_all_and_still_add_and_remove(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(index_module, "EXACT_UP_TO", 1000)
    index, vectors = _filled(1500)
    assert index.recall >= 0.99
    assert index.search(vectors[7], 1) == [107]
    index.remove(np.array([107]))
    assert 107 not in index.search(vectors[7], 100)
    index.add(np.array([5000]), vectors[7:8])
    assert index.search(vectors[7], 1) == [5000]
    assert index.search(vectors[7], 3, np.array([130, 5000])) == [5000, 130]
    index.save(tmp_path / "index")
    read = VectorIndex.load(tmp_path / "index", "words-1", 16)
    assert read.search(vectors[7], 1) == [5000]
    assert read.rows.tolist() == index.rows.tolist()


def test_lists_are_laid_out_anew_when_the_index_has_grown_fourfold(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(index_module, "EXACT_UP_TO", 300)
    index, vectors = _filled(400)
    more = _vectors(1300, seed=1)

    def laid_out_for() -> int:
        index.save(tmp_path / "index")
        return int(msgspec.json.decode((tmp_path / "index").read_bytes().partition(b"\n")[0])["trained_for"])

    index.add(np.arange(10_000, 11_000), more[:1000])
    assert (len(index), laid_out_for()) == (1400, 400)
    index.add(np.arange(11_000, 11_300), more[1000:])
    assert (len(index), laid_out_for()) == (1700, 1700)
    assert index.search(more[5], 1) == [10_005]
    assert index.search(vectors[5], 1) == [105]
    assert index.recall >= 0.99
