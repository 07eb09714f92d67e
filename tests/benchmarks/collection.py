"""Answers from documents in some thirty formats, with three questions each, asked as `assistant ask` does.

    python -m tests.benchmarks.collection [FOLDER]

Prints for each document how many answers are right, right but only probable, wrong, or refused. An answer is right if
the first quotation contains the expected words, from the right file, page, sheet, row or message. For a question
without an answer, a refusal is right.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from knowledge.answers.quotes import Quote, find_quotes
from knowledge.library import Library
from knowledge.search.confidence import judge
from knowledge.search.opening import open_embedder
from tests.document_writers import described, write_collection

COLUMNS = ("right", "right, as probable", "wrong", "wrong, as probable", "refused")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    documents = folder / "documents"
    write_collection(documents)
    embedder = open_embedder("minilm", Path(tempfile.gettempdir()) / "parley-retrieval" / "models")
    library = Library(folder / "knowledge", lambda: embedder)
    for skipped in library.add([documents]).skipped:
        print(f"skipped {skipped.path}: {skipped.reason}")
    total: Counter[str] = Counter()
    misses = []
    print("| Document | " + " | ".join(COLUMNS) + " |\n|---|" + "---|" * len(COLUMNS))
    for document in described():
        counts: Counter[str] = Counter()
        for question, answer, place in document["questions"]:
            verdict, shown = _asked(library, question, answer, document["name"], place)
            counts[verdict] += 1
            if not verdict.startswith("right"):
                misses.append(f"{verdict}: {question} -> {shown}")
        total += counts
        print(_line(document["name"], counts))
    print(_line("all", total))
    print("\n".join(misses))


def _asked(library: Library, question: str, answer: str, name: str, place: str) -> tuple[str, str]:
    result = library.search(question)
    found = find_quotes(question, result, library.embedder())
    certainty, quotes = judge(found.confidence), found.best
    if certainty == "none" or not quotes:
        nearest = quotes[0].text if quotes else ""
        return ("refused" if answer else "right"), f"{found.confidence:.2f} nearest: {nearest}"
    first = quotes[0]
    at = f"{first.document} {_place(first)}"
    is_right = bool(answer) and answer in " ".join(first.text.split()) and name in at and place in at
    marked = "" if certainty == "sure" else ", as probable"
    return ("right" if is_right else "wrong") + marked, f"{found.confidence:.2f} {first.text} ({at.rpartition('/')[2]})"


def _place(quote: Quote) -> str:
    return (f"p. {quote.page} " if quote.page is not None else "") + quote.place


def _line(name: str, counts: Counter[str]) -> str:
    return f"| {name} | " + " | ".join(str(counts[column] or "") for column in COLUMNS) + " |"


if __name__ == "__main__":
    main()
