"""How well passages are found, and unanswerable questions refused. Each passage of a set becomes a titled document.

    python tests/benchmarks/retrieval.py --set NAME passages.jsonl.gz questions.jsonl.gz [--set …] [--cache FOLDER]
                                         [--compute-type int8] [--fit] [--json]

Prints MRR@10, hit@5 and nDCG@10 with 95 % bootstrap intervals over questions, the errors of the refusal, and latency. A
question is unanswerable if its set says so or, as "left out", if every relevant document is hidden from it. `--fit`
prints the refusal curve fitted on all sets, and on all but each one.
"""

import argparse
import functools
import gzip
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.chunking import chunk
from knowledge.documents import Document, File, Hit, SearchResult, content_hash
from knowledge.evaluation import Question, area_under_curve, evaluate
from knowledge.library import budget
from knowledge.search.confidence import PROBABLE_FROM, SURE_FROM, answer_chance
from knowledge.search.embedder import Embedder, passage_text
from knowledge.search.opening import open_embedder
from knowledge.search.retriever import Retriever
from knowledge.storage.catalog import Catalog


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", nargs=3, action="append", required=True, metavar=("NAME", "PASSAGES", "QUESTIONS"))
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "parley-retrieval")
    parser.add_argument("--compute-type", default="int8")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    embedder = open_embedder("minilm", arguments.cache / "models", compute_type=arguments.compute_type)
    points: dict[str, Points] = {}
    for name, passages, questions in arguments.set:
        folder = arguments.cache / f"{name}-{arguments.compute_type}"
        catalog = _indexed(folder, read_rows(passages), embedder)
        report, points[name] = _measure(catalog, folder, embedder, read_rows(questions))
        print(json.dumps({"set": name, **report}) if arguments.json else _line(name, report), flush=True)
    if arguments.fit:
        _fit(points)


Points = dict[str, np.ndarray[Any, Any]]
"""Cosine, coverage and sentence coverage of the first hit, shape (n, 3), for answerable questions, left-out ones, and
those that the set calls unanswerable.
"""


def read_rows(path: str) -> list[dict[str, Any]]:
    """The lines of a gzipped set."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _indexed(folder: Path, rows: list[dict[str, Any]], embedder: Embedder) -> Catalog:
    """The catalog of a set, made once; the cache may be deleted at any time."""
    catalog = Catalog(folder / "catalog.db")
    known = catalog.files()
    started, passages = time.process_time(), 0
    for row in rows:
        if row["id"] in known:
            continue
        document = Document(text=row["text"], title=row["title"].replace("_", " "))
        parts = chunk(document, embedder.count_tokens, budget(document, embedder))
        vectors = embedder.embed_passages([passage_text(document.title, part) for part in parts])
        file = File(path=row["id"], size=0, mtime_ns=0, document=None)
        catalog.put(file, content_hash(json.dumps(row).encode()), document, parts, vectors)
        passages += len(parts)
    if passages:
        print(f"{folder.name}: {passages} passages in {time.process_time() - started:.0f} s of CPU time", flush=True)
    return catalog


def _measure(
    catalog: Catalog, folder: Path, embedder: Embedder, rows: list[dict[str, Any]]
) -> tuple[dict[str, Any], Points]:
    retriever = Retriever(catalog, embedder, folder / "index.faiss")
    questions = [
        Question(
            id=str(row["id"]),
            question=row["question"],
            relevant=tuple(map(str, row["relevant"])),
            answerable=row.get("answerable", True),
        )
        for row in rows
    ]
    ranks: list[float] = []

    @functools.cache
    def search(question: str, k: int) -> SearchResult:
        # More than k passages: a document counts once, at its first passage, as relevance is by document.
        result = retriever.search(question, 3 * k)
        first: dict[str, Hit] = {}
        for hit in result.hits:
            first.setdefault(hit.document, hit)
        hits = tuple(first.values())[:k]
        return SearchResult(
            hits=hits, answerable=result.answerable, confidence=result.confidence, seconds=result.seconds
        )

    report = evaluate(search, questions, is_relevant=lambda hit, question: hit.document in question.relevant)
    points: dict[str, list[tuple[float, float, float]]] = {"answerable": [], "left out": [], "unanswerable": []}
    for question in questions:
        result = search(question.question, 10)
        first = _figures(result.hits[0])
        if not question.answerable:
            points["unanswerable"].append(first)
            continue
        points["answerable"].append(first)
        found = [hit.document in question.relevant for hit in result.hits]
        ranks.append(1 / (found.index(True) + 1) if True in found else 0.0)
        others = (hit for hit in retriever.search(question.question, 60).hits if hit.document not in question.relevant)
        if (best_miss := next(others, None)) is not None:
            points["left out"].append(_figures(best_miss))
    arrays = {kind: np.array(values).reshape(-1, 3) for kind, values in points.items()}
    facts = {key: getattr(report, key) for key in report.__struct_fields__}
    return {**facts, "mrr_ci": _interval(ranks), "refusal": _refusal(arrays)}, arrays


def _figures(hit: Hit) -> tuple[float, float, float]:
    return hit.cosine, hit.coverage, hit.sentence_coverage


def _refusal(points: Points) -> dict[str, list[float]]:
    """Each error with its interval, and each area under the curve without one."""
    chances = {kind: [answer_chance(*figures) for figures in values] for kind, values in points.items()}
    found = {
        "refused": _share([chance < PROBABLE_FROM for chance in chances["answerable"]]),
        "only probable": _share([PROBABLE_FROM <= chance < SURE_FROM for chance in chances["answerable"]]),
    }
    for kind in ("left out", "unanswerable"):
        if chances[kind]:
            found[f"{kind}: answered outright"] = _share([chance >= SURE_FROM for chance in chances[kind]])
            found[f"{kind}: only probable"] = _share([PROBABLE_FROM <= chance < SURE_FROM for chance in chances[kind]])
            found[f"{kind}: area"] = [area_under_curve(chances["answerable"], chances[kind]) or 0.0]
    return found


def _share(values: list[bool]) -> list[float]:
    """Their mean and its interval."""
    return [float(np.mean(values)), *_interval([float(value) for value in values])]


def _interval(values: list[float]) -> tuple[float, float]:
    draws = np.random.default_rng(1).choice(values, (2000, len(values))).mean(axis=1)
    return float(np.percentile(draws, 2.5)), float(np.percentile(draws, 97.5))


def _fit(points: dict[str, Points]) -> None:
    """Fit and print logistic curves by Newton's method. Every kind of question of every set has the same weight."""
    for left_out in [*points, ""]:
        train = [values for name, values in points.items() if name != left_out]
        x, y, weight = [], [], []
        for values in train:
            for kind, pairs in values.items():
                if len(pairs):
                    # Answerable questions weigh as much as both kinds of unanswerable ones together.
                    share = 1 + (len(values["unanswerable"]) > 0) if kind == "answerable" else 1
                    x.append(np.column_stack([np.ones(len(pairs)), pairs]))
                    y.append(np.full(len(pairs), float(kind == "answerable")))
                    weight.append(np.full(len(pairs), share / len(pairs)))
        curve = _newton(np.concatenate(x), np.concatenate(y), np.concatenate(weight))
        shown = ", ".join(f"{value:.2f}" for value in curve)
        if not left_out:
            print(f"fitted on all: ({shown})")
            continue
        chance = {kind: 1 / (1 + np.exp(-(curve[0] + v @ curve[1:]))) for kind, v in points[left_out].items()}
        errors = {"answerable": float((chance["answerable"] < SURE_FROM).mean())}
        errors |= {k: float((chance[k] >= SURE_FROM).mean()) for k in chance if k != "answerable" and len(chance[k])}
        print(f"fitted without {left_out}: ({shown}), errors there {errors}")


def _newton(x: Any, y: Any, weight: Any) -> Any:
    curve = np.zeros(x.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-(x @ curve)))
        # A ridge of 1e-6 keeps the step finite if the classes are separable.
        gradient = x.T @ (weight * (y - chance)) - 1e-6 * curve
        hessian = (x * (weight * chance * (1 - chance))[:, None]).T @ x + 1e-6 * np.eye(x.shape[1])
        curve = curve + np.linalg.solve(hessian, gradient)
    return curve


def _line(name: str, report: dict[str, Any]) -> str:
    low, high = report["mrr_ci"]
    refusal = ", ".join(f"{key} {_bracketed(*values)}" for key, values in report["refusal"].items())
    return (
        f"{name}: n {report['answerable']}, MRR@10 {report['mrr']:.4f} [{low:.4f}, {high:.4f}],"
        f" hit@5 {report['hit5']:.4f}, nDCG@10 {report['ndcg']:.4f}; {refusal};"
        f" p50 {report['p50_ms']:.0f} ms, p95 {report['p95_ms']:.0f} ms"
    )


def _bracketed(value: float, *interval: float) -> str:
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


if __name__ == "__main__":
    main()
