"""Quality and speed of many summaries, against transformers with the same weights in batches of 8.

    python tests/benchmarks/batch.py --data dialogsum_dev.jsonl.gz [--model pocket] [--limit 488]

Chunks of 61 dialogues go to both backends in turn, so that a machine that slows down affects both. Ratios are per
chunk. ROUGE is F1 x 100, stemmed (rouge_score), with a 95 % bootstrap interval over dialogues.
"""

import os
import time
from pathlib import Path

import numpy as np
from rouge_score.rouge_scorer import RougeScorer

from assistant.dialogue import parse, render_turns
from assistant.engine.client import Engine
from assistant.engine.tokens import token_counter
from assistant.models.registry import resolve
from assistant.prompts import DialogueTooLong, render
from assistant.records import GenerationSettings
from assistant.settings import Settings
from tests.benchmarks.machine import TimingParser
from training.runs.data.datasets import read_rows

_CHUNK = 61
_PEER_BATCH = 8


def main() -> None:
    parser = TimingParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--limit", type=int, default=488)
    parser.add_argument("--decoding", choices=["greedy", "beam"], default="beam")
    arguments = parser.parse_args()
    settings = GenerationSettings(decoding=arguments.decoding)
    threads = os.cpu_count() or 1
    model = resolve(arguments.model, Settings())
    count = token_counter(model.folder)
    prompts, references = [], []
    for row in list(read_rows(arguments.data))[: arguments.limit]:
        try:
            text = render_turns(parse(row["dialogue"]))
            prompts.append(render(text, budget=model.window, count_tokens=count).text)
            references.append(row["summary"])
        except DialogueTooLong:
            continue
    ours, peer = [], []
    outputs: list[str] = []
    with Engine() as fast, Engine() as slow:
        fast.load(model, "ctranslate")
        slow.load(model, "transformers", threads)
        for engine in (fast, slow):
            engine.generate(prompts[:_PEER_BATCH], settings)
        for start in range(0, len(prompts), _CHUNK):
            chunk = prompts[start : start + _CHUNK]
            begin = time.perf_counter()
            finished = fast.generate(chunk, settings)
            ours.append(len(chunk) / (time.perf_counter() - begin))
            outputs += [drafts[0].text for drafts in finished.drafts]
            begin = time.perf_counter()
            for first in range(0, len(chunk), _PEER_BATCH):
                slow.generate(chunk[first : first + _PEER_BATCH], settings)
            peer.append(len(chunk) / (time.perf_counter() - begin))
    report(model.ref, arguments.decoding, outputs, references, np.array(ours), np.array(peer))


def report(
    ref: str, decoding: str, outputs: list[str], references: list[str], ours: np.ndarray, peer: np.ndarray
) -> None:
    """Print a table of rates and one of ROUGE."""
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    scores = [scorer.score(reference, output) for reference, output in zip(references, outputs, strict=True)]
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(scores), (2000, len(scores)))
    ratio = ours / peer
    print(f"{ref}, {decoding}, n = {len(outputs)}, {os.cpu_count()} cores\n")
    print("| | summaries/s, median of chunks | min - max |\n|---|---|---|")
    for name, rate in (("CTranslate2 int8", ours), ("transformers sdpa fp32, batches of 8", peer), ("ratio", ratio)):
        print(f"| {name} | {np.median(rate):.2f} | {rate.min():.2f} - {rate.max():.2f} |")
    print("\n| | F1 x 100 | 95 % interval |\n|---|---|---|")
    for name in ("rouge1", "rouge2", "rougeL"):
        values = 100 * np.array([score[name].fmeasure for score in scores])
        low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
        print(f"| {name} | {values.mean():.2f} | {low:.2f} - {high:.2f} |")
    lengths = [len(output.split()) for output in outputs]
    print(f"\nmedian words {np.median(lengths):.0f} (references {np.median([len(r.split()) for r in references]):.0f})")


if __name__ == "__main__":
    main()
