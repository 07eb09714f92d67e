"""What int8 loses against float32 on this and on an older processor, in nats per token of the references.

    python -m tests.benchmarks.precision DIALOGUES.jsonl.gz [--model REF]... [--limit 200]

Each model is converted to int8 once. Every row scores the same references with it in a new process: without changes, or
with variables that make the libraries compute as on a processor with AVX2 only. *Shift* is the mean absolute difference
of a token's log-probability, which a conversion limits; *loss* is how much less likely the references became.
Intervals: 95 %, bootstrap over texts. Also prints the types in which CTranslate2 computes, since they differ.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assistant.engine import recipe
from assistant.engine.tokens import ModelTokenizer
from assistant.models.registry import resolve
from assistant.prompts import hide, render, show
from assistant.settings import Settings
from training.evaluation.summaries import read_cases

_ROWS: dict[str, dict[str, str]] = {
    "as it is": {},
    "MKL_ENABLE_INSTRUCTIONS=AVX2": {"MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "CT2_FORCE_CPU_ISA=AVX2": {"CT2_FORCE_CPU_ISA": "AVX2"},
    "DNNL_MAX_CPU_ISA=AVX2": {"DNNL_MAX_CPU_ISA": "AVX2"},
    "all four": {
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "CT2_FORCE_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "DNNL_MAX_CPU_ISA": "AVX2",
    },
    "all four, with MKL": {
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "CT2_FORCE_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "DNNL_MAX_CPU_ISA": "AVX2",
        "CT2_USE_MKL": "1",
    },
}
_SCORE = """
import json, sys
import ctranslate2
folder, kind, pairs = sys.argv[1], sys.argv[2], json.load(open(sys.argv[3]))
translator = ctranslate2.Translator(folder, compute_type=kind, intra_threads=1)
found = []
for source, target in pairs:
    (result,) = translator.score_batch([source], [target], max_input_length=0)
    found.append(result.log_probs)
types = sorted(ctranslate2.get_supported_compute_types("cpu"))
print(json.dumps({"types": types, "scores": found}))
"""


def main() -> None:
    """Print a table for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--limit", type=int, default=200)
    asked = parser.parse_args()
    for ref in asked.model or ["pocket"]:
        with tempfile.TemporaryDirectory(prefix="precision-") as place:
            _measure(ref, asked.dialogues, asked.limit, Path(place))


def _measure(ref: str, dialogues: Path, limit: int, place: Path) -> None:
    model = resolve(ref, Settings())
    source = Path(model.folder)
    weights = recipe.load_float32(source)
    vocabulary = recipe.read_vocabulary(source, int(weights.config.vocab_size))
    exact = recipe.write(weights, vocabulary, place / "float32", "float32")
    small = recipe.write(weights, vocabulary, place / "int8", "int8")
    pairs = _pairs(model, dialogues, limit)
    (place / "pairs.json").write_text(json.dumps(pairs))
    before = _score(exact, "float32", place, {})["scores"]
    print(f"\n{ref}: {len(pairs)} texts, {sum(map(len, before))} tokens, {_mean(before):.3f} nats a token as float32\n")
    print("| | computes in | shift | loss | worst token |\n|---|---|---|---|---|")
    for name, variables in _ROWS.items():
        told = _score(small, "int8", place, variables)
        moved = [np.array(was) - np.array(now) for was, now in zip(before, told["scores"], strict=True)]
        shift, loss = _interval([np.abs(one) for one in moved]), _interval(moved)
        worst = max(float(np.abs(one).max()) for one in moved)
        print(f"| {name} | {', '.join(told['types'])} | {shift} | {loss} | {worst:.2f} |")


def _pairs(model: Any, dialogues: Path, limit: int) -> list[tuple[list[str], list[str]]]:
    """The pieces of prompts that fit the window, as the model reads them, and of their first references."""
    tokenizer = ModelTokenizer(Path(model.folder))
    found = []
    for case in read_cases([dialogues]):
        shown = show(
            render(case.dialogue, budget=1 << 30, count_tokens=lambda text: len(tokenizer.encode(text))).text,
            model.speaker_tags,
        )
        source = tokenizer.encode(shown.text)
        if len(source) <= model.window:
            target = tokenizer.encode(hide(case.references[0], shown.names))
            found.append((tokenizer.pieces(source), tokenizer.pieces(target[:-1])))
        if len(found) == limit:
            break
    return found


def _score(folder: Path, kind: str, place: Path, variables: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-c", _SCORE, str(folder), kind, str(place / "pairs.json")]
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _mean(scores: Sequence[Sequence[float]]) -> float:
    return -float(np.concatenate([np.array(one) for one in scores]).mean())


def _interval(texts: Sequence[Any]) -> str:
    """The mean over all tokens, with its bootstrap interval over texts."""
    sums, counts = np.array([one.sum() for one in texts]), np.array([len(one) for one in texts])
    drawn = np.random.default_rng(0).integers(0, len(texts), (2000, len(texts)))
    low, high = np.percentile(sums[drawn].sum(1) / counts[drawn].sum(1), [2.5, 97.5])
    return f"{sums.sum() / counts.sum():.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()
