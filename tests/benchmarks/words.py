"""How often the length of an answer is within 20 % of the requested words.

    python -m tests.benchmarks.words DIALOGUES.jsonl.gz [--words 10 20 40] [--number 200] [--first 0] [--model REF]

Asks as `assistant summarize --words N` does, in batches. Prints a row for each N: the share within 20 % with its 95 %
interval (Wilson), the median number of words and the range from the 5th to the 95th percentile, the share of texts that
end with a complete sentence, the share with a name or number that is not in the conversation, ROUGE-1 against the
references, and the seconds.
"""

import argparse
import gzip
import json
import statistics
import time
from itertools import islice
from math import sqrt

from assistant.conversation import Answer, Assistant
from assistant.dialogue import parse
from assistant.records import Ask, Dialogue
from assistant.scoring.faithfulness.support import Evidence, unsupported
from assistant.settings import ModelSettings, Settings

_BATCH = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dialogues")
    parser.add_argument("--words", type=int, nargs="+", default=[10, 20, 40])
    parser.add_argument("--number", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="the row to begin with, from 0")
    parser.add_argument("--model", default="pocket")
    asked = parser.parse_args()
    with gzip.open(asked.dialogues, "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in islice(stream, asked.first, asked.first + asked.number)]
    dialogues = [parse(row["dialogue"]) for row in rows]
    print("| words | n | within 20 % | median | 5 % - 95 % | whole | unsupported | ROUGE-1 | seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    with Assistant(Settings(model=ModelSettings(ref=asked.model))) as assistant:
        assistant.load()
        for words in asked.words:
            started = time.monotonic()
            answers: list[Answer] = []
            for start in range(0, len(dialogues), _BATCH):
                answers += assistant.answers(dialogues[start : start + _BATCH], Ask(words=words))
            print(_row(words, rows, dialogues, answers, time.monotonic() - started), flush=True)


def _row(words: int, rows: list[dict], dialogues: list[Dialogue], answers: list[Answer], seconds: float) -> str:  # type: ignore[type-arg]
    texts = [answer.completion.answer for answer in answers]
    lengths = sorted(len(text.split()) for text in texts)
    n = len(texts)
    near = sum(abs(length - words) <= 0.2 * words for length in lengths)
    low, high = _wilson(near, n)
    wrong = sum(
        bool(list(unsupported(text, Evidence.of(_source(dialogue)))))
        for text, dialogue in zip(texts, dialogues, strict=True)
    )
    whole = sum(answer.completion.finished == "end" for answer in answers)
    middle = f"{lengths[n // 20]} - {lengths[n - 1 - n // 20]}"
    return (
        f"| {words} | {n} | {near / n:.0%} [{low:.0%}, {high:.0%}] | {statistics.median(lengths):.0f} | {middle} "
        f"| {whole / n:.0%} | {wrong / n:.1%} | {_rouge(rows, texts):.1f} | {seconds:.0f} |"
    )


def _source(dialogue: Dialogue) -> str:
    return "\n".join(f"{turn.speaker}: {turn.text}" for turn in dialogue.turns)


def _rouge(rows: list[dict], texts: list[str]) -> float:  # type: ignore[type-arg]
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1"], use_stemmer=True)
    return 100 * statistics.mean(
        statistics.mean(
            scorer.score(reference, text)["rouge1"].fmeasure for reference in row.get("summaries") or [row["summary"]]
        )
        for row, text in zip(rows, texts, strict=True)
    )


def _wilson(hits: int, n: int) -> tuple[float, float]:
    share, z = hits / n, 1.96
    centre, spread = share + z * z / (2 * n), z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (centre - spread) / (1 + z * z / n), (centre + spread) / (1 + z * z / n)


if __name__ == "__main__":
    main()
