"""Which answers are better: those a model writes, or quotations from the documents?

    python -m tests.benchmarks.answers PASSAGES.jsonl.gz QUESTIONS.jsonl.gz [--model REF] [--number 200] [--cache DIR]

Answers the same questions both ways, from the same five passages: with the best sentence as a quotation, and with the
model's text for the prompt that `assistant ask` writes. Prints token F1 and token recall against the short answers
given (SQuAD's normalisation, best of the answers), how many answers contain one word for word, and how many of the
written ones have only supported sentences, with 95 % bootstrap intervals. The model's result in the reading check comes
first.
"""

import argparse
import random
import re
import string
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from assistant.answering.citing import cite, without_markers
from assistant.conversation import Assistant
from assistant.drafting.ability import PASSED, measure_ability
from assistant.engine.tokens import token_counter
from assistant.prompts.passages import render_question
from assistant.records import GenerationSettings
from assistant.settings import ModelSettings, Settings
from knowledge.answers.quotes import best_quotes
from knowledge.search.opening import open_embedder
from knowledge.search.retriever import Retriever
from tests.benchmarks.retrieval import _indexed, read_rows

_GREEDY = GenerationSettings(decoding="greedy", max_new_tokens=96)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("passages")
    parser.add_argument("questions")
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--number", type=int, default=200)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "parley-answers")
    arguments = parser.parse_args()
    rows = [row for row in read_rows(arguments.questions) if row["answers"] and row.get("answerable", True)]
    asked = random.Random(1).sample(rows, min(arguments.number, len(rows)))
    embedder = open_embedder("minilm", arguments.cache / "models")
    folder = arguments.cache / Path(arguments.passages).name.partition(".")[0]
    retriever = Retriever(_indexed(folder, read_rows(arguments.passages), embedder), embedder, folder / "index.faiss")
    found = [retriever.search(row["question"], 5) for row in asked]
    quotes = [
        best_quotes(row["question"], result, embedder, most=1)[0].text for row, result in zip(asked, found, strict=True)
    ]
    golds = [row["answers"] for row in asked]
    with Assistant(Settings(model=ModelSettings(ref=arguments.model))) as assistant:
        model = assistant.load().model
        ability = measure_ability(assistant.engine, model)
        print(f"{model.ref}: reading check {ability.right} of {ability.asked}, {PASSED} needed\n")
        count = token_counter(model.folder)
        prompts = [
            render_question(row["question"], [hit.text for hit in result.hits], budget=model.window, count_tokens=count)
            for row, result in zip(asked, found, strict=True)
        ]
        finished = assistant.engine.generate([prompt.text for prompt in prompts], _GREEDY)
    written = [without_markers(drafts[0].text) for drafts in finished.drafts]
    print("| answer | n | token F1 | token recall | holds the answer | all supported |\n|---|---|---|---|---|---|")
    print(_line("quoted", quotes, golds, [1.0] * len(quotes)))
    supported = []
    for row, result, prompt, text in zip(asked, found, prompts, written, strict=True):
        sentences, _ = cite(row["question"], text, result.hits[: prompt.passages], embedder)
        supported.append(float(bool(sentences) and all(s.citation is not None for s in sentences)))
    print(_line(f"written by {model.ref}", written, golds, supported))


def _line(name: str, texts: Sequence[str], golds: Sequence[Sequence[str]], supported: Sequence[float]) -> str:
    pairs = list(zip(texts, golds, strict=True))
    figures = [[max(score(text, gold) for gold in group) for text, group in pairs] for score in (_f1, _recall, _holds)]
    return f"| {name} | {len(texts)} | " + " | ".join(_shown(values) for values in [*figures, supported]) + " |"


def _shown(values: Sequence[float]) -> str:
    draws = np.random.default_rng(1).choice(values, (2000, len(values))).mean(axis=1)
    return f"{np.mean(values):.3f} [{np.percentile(draws, 2.5):.3f}, {np.percentile(draws, 97.5):.3f}]"


def _tokens(text: str) -> list[str]:
    """The tokens after SQuAD's normalisation: lower case, no punctuation, no articles."""
    plain = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def _shared(text: str, gold: str) -> int:
    return sum((Counter(_tokens(text)) & Counter(_tokens(gold))).values())


def _f1(text: str, gold: str) -> float:
    shared, lengths = _shared(text, gold), len(_tokens(text)) + len(_tokens(gold))
    return 2 * shared / lengths if lengths else 0.0


def _recall(text: str, gold: str) -> float:
    return _shared(text, gold) / max(len(_tokens(gold)), 1)


def _holds(text: str, gold: str) -> float:
    return float(" ".join(_tokens(gold)) in " ".join(_tokens(text)))


if __name__ == "__main__":
    main()
