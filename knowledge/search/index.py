"""Nearest vectors by FAISS: exact while there are few, inverted lists (IVF) beyond.

The file is a copy of what the catalog holds: it is checked when it is read, and whatever is missing, damaged or stale
in it is made again from there.
"""

import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from knowledge.files import write_whole
from knowledge.search.embedder import Vectors

EXACT_UP_TO = 20_000
"""Up to here every vector is compared: about 4 ms for 20,000 of 384 dimensions on one core."""
RECALL = 0.99
"""Inverted lists look at as many cells as find this share of the exact 100 nearest."""
_FORMAT = 1
_NEAREST = 100
_PROBES = 64


class _Header(msgspec.Struct, frozen=True):
    format: int
    identity: str
    revision: int
    checksum: int
    recall: float
    trained_for: int
    probes: int


class VectorIndex:
    """Unit vectors by row number. `identity` is the embedder's; `revision` is the catalog's that it agrees with.

    `recall` is the measured share of the exact nearest 100 that a search finds.
    """

    def __init__(self, identity: str, dimension: int) -> None:
        self.identity = identity
        self.dimension = dimension
        self.revision = -1
        self.recall = 1.0
        self._trained_for = 0
        self._probes = 0
        self._index: Any = _exact(dimension)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The row numbers in it, in order."""
        return np.sort(_row_numbers(self._index))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, rows: NDArray[np.int64], vectors: Vectors) -> None:
        """Add vectors of shape (n, d) under those numbers. Turns to inverted lists when it has grown beyond exact
        search, and lays them out anew when it has grown to four times what they were laid out for.
        """
        if not len(rows):
            return
        total = len(self) + len(rows)
        if total > EXACT_UP_TO and total >= 4 * self._trained_for:
            present = _row_numbers(self._index)
            if len(present):
                rows = np.concatenate([present, rows])
                vectors = np.concatenate([_all_vectors(self._index, self.dimension), vectors])
            self._lay_out(rows, vectors)
        else:
            self._index.add_with_ids(np.ascontiguousarray(vectors), rows)

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Take those numbers out."""
        if len(rows):
            faiss = _faiss()

            self._index.remove_ids(faiss.IDSelectorBatch(rows))

    def search(self, vector: Vectors, most: int, allowed: NDArray[np.int64] | None = None) -> list[int]:
        """The row numbers of the nearest vectors, best first, out of `allowed` where it is given."""
        faiss = _faiss()

        if not len(self) or (allowed is not None and not len(allowed)):
            return []
        selector = None if allowed is None else faiss.IDSelectorBatch(allowed)
        if self._trained_for:
            # Few allowed rows may lie in any cell: then all cells are looked at.
            probes = self._probes if allowed is None else self._index.nlist
            parameters: Any = faiss.SearchParametersIVF(sel=selector, nprobe=probes)
        else:
            parameters = faiss.SearchParameters(sel=selector)
        _, found = self._index.search(vector[None, :], min(most, len(self)), params=parameters)
        return [int(row) for row in found[0] if row >= 0]

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        faiss = _faiss()

        body = faiss.serialize_index(self._index).tobytes()
        header = _Header(
            format=_FORMAT,
            identity=self.identity,
            revision=self.revision,
            checksum=zlib.crc32(body),
            recall=self.recall,
            trained_for=self._trained_for,
            probes=self._probes,
        )
        write_whole(path, msgspec.json.encode(header) + b"\n" + body)

    @classmethod
    def load(cls, path: Path, identity: str, dimension: int) -> "VectorIndex":
        """The saved index, or an empty one where none fits: absent, half written, of another embedder or version."""
        faiss = _faiss()

        index = cls(identity, dimension)
        try:
            line, _, body = path.read_bytes().partition(b"\n")
            header = msgspec.json.decode(line, type=_Header)
        except (OSError, ValueError, RecursionError):
            return index
        fits = header.format == _FORMAT and header.identity == identity and header.checksum == zlib.crc32(body)
        if fits:
            index._index = faiss.deserialize_index(np.frombuffer(body, dtype=np.uint8))
            index.revision = header.revision
            index.recall = header.recall
            index._trained_for = header.trained_for
            index._probes = header.probes
        return index

    def _lay_out(self, rows: NDArray[np.int64], vectors: Vectors) -> None:
        faiss = _faiss()

        cells = int(4 * np.sqrt(len(rows)))
        quantizer = faiss.IndexFlatIP(self.dimension)
        lists = faiss.IndexIVFFlat(quantizer, self.dimension, cells, faiss.METRIC_INNER_PRODUCT)
        # 64 points a cell place the centres well enough; more only take time.
        lists.cp.max_points_per_centroid = 64
        lists.cp.seed = 1
        contiguous = np.ascontiguousarray(vectors)
        lists.train(contiguous)
        lists.add_with_ids(contiguous, rows)
        lists.make_direct_map(False)
        self._index = lists
        self._trained_for = len(rows)
        self._probes, self.recall = _measured(lists, rows, contiguous)


def _measured(lists: Any, rows: NDArray[np.int64], vectors: Vectors) -> tuple[int, float]:
    """The fewest cells to look at for the recall asked for, and the recall that gives.

    The questions are stored vectors with noise of their own length: a real question is no stored vector, and without
    noise each would find its own cell first.
    """
    faiss = _faiss()

    chance = np.random.default_rng(1)
    asked = vectors[chance.choice(len(vectors), _PROBES, replace=False)]
    asked = asked + chance.normal(size=asked.shape).astype(np.float32) / np.sqrt(asked.shape[1])
    exact = rows[np.argsort(-(asked @ vectors.T), axis=1)[:, :_NEAREST]]
    probes = 1
    while True:
        _, found = lists.search(asked, _NEAREST, params=faiss.SearchParametersIVF(nprobe=probes))
        recall = float(
            np.mean([len(set(near) & set(true)) / _NEAREST for near, true in zip(found, exact, strict=True)])
        )
        if recall >= RECALL or probes >= lists.nlist:
            return probes, recall
        probes = min(probes * 2, lists.nlist)


def _faiss() -> Any:
    """FAISS takes 0.3 s to import: not before the first search."""
    import faiss

    return faiss


def _exact(dimension: int) -> Any:
    faiss = _faiss()

    return faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))


def _row_numbers(index: Any) -> NDArray[np.int64]:
    faiss = _faiss()

    if hasattr(index, "id_map"):
        return np.array(faiss.vector_to_array(index.id_map), dtype=np.int64)
    lists = index.invlists
    parts = [
        faiss.rev_swig_ptr(lists.get_ids(cell), lists.list_size(cell)).copy()
        for cell in range(index.nlist)
        if lists.list_size(cell)
    ]
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)


def _all_vectors(index: Any, dimension: int) -> Vectors:
    """The vectors in the order of `_row_numbers`, shape (n, d)."""
    faiss = _faiss()

    if hasattr(index, "id_map"):
        return np.asarray(faiss.downcast_index(index.index).reconstruct_n(0, index.ntotal), dtype=np.float32)
    lists = index.invlists
    parts = [
        faiss.rev_swig_ptr(lists.get_codes(cell), lists.list_size(cell) * lists.code_size).copy()
        for cell in range(index.nlist)
        if lists.list_size(cell)
    ]
    return np.concatenate(parts).view(np.float32).reshape(-1, dimension)
