"""Nearest-neighbour search with FAISS: exact for few vectors, inverted lists (IVF) for many.

The file copies data of the catalog: it is checked when loaded, and anything missing, damaged or outdated is rebuilt
from the catalog.
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
"""Up to this many vectors the search is exact: about 4 ms for 20,000 of 384 dimensions on one core."""
RECALL = 0.99
"""Inverted lists probe as many cells as needed to find this share of the exact 100 nearest."""
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
    """Unit vectors by row number. `identity` is the embedder's; `revision` is that of the catalog it matches.

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
        """The row numbers in the index, in order."""
        return np.sort(_row_numbers(self._index))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, rows: NDArray[np.int64], vectors: Vectors) -> None:
        """Add vectors of shape (n, d) with these row numbers. Switches to inverted lists when exact search becomes too
        slow, and retrains them when the index has grown to four times its size at training.
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
        """Remove these row numbers."""
        if len(rows):
            faiss = _faiss()

            self._index.remove_ids(faiss.IDSelectorBatch(rows))

    def search(self, vector: Vectors, most: int, allowed: NDArray[np.int64] | None = None) -> list[int]:
        """Return the row numbers of the nearest vectors, best first, only from `allowed` if given."""
        faiss = _faiss()

        if not len(self) or (allowed is not None and not len(allowed)):
            return []
        selector = None if allowed is None else faiss.IDSelectorBatch(allowed)
        if self._trained_for:
            # The allowed rows may be in any cell, so all cells are probed.
            probes = self._probes if allowed is None else self._index.nlist
            parameters: Any = faiss.SearchParametersIVF(sel=selector, nprobe=probes)
        else:
            parameters = faiss.SearchParameters(sel=selector)
        _, found = self._index.search(vector[None, :], min(most, len(self)), params=parameters)
        return [int(row) for row in found[0] if row >= 0]

    def save(self, path: Path) -> None:
        """Write the index to a file, atomically."""
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
        """Load the saved index, or return an empty one if the file is missing, incomplete, or of another embedder or
        version.
        """
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
        # 64 points per cell are enough to place the centroids; more only take time.
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
    """Return the least number of cells to probe for the required recall, and the recall reached.

    The queries are stored vectors plus noise of the same length, because a real query is no stored vector: without
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
    """Import FAISS on first use, because that takes 0.3 s."""
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
    """Return the vectors in the order of `_row_numbers`, shape (n, d)."""
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
