"""Every way of tuning on the same conversations: what it gains, what it forgets, and what it costs.

    python tests/benchmarks/tuning_methods.py --train samsum_train.jsonl.gz --dev samsum_val.jsonl.gz \
        --other dialogsum_dev.jsonl.gz --model pocket

Each method runs in a process of its own, so that its peak memory is its own, and with the same number of updates. Gain
and forgetting are paired differences to the untuned model, with 95 % intervals clustered by conversation.
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

METHODS = {
    "LoRA r 32, q and v": ["--method=lora"],
    "LoRA r 32, all linear": ["--method=lora", "--targets=all-linear"],
    "full": ["--method=full"],
    "20 soft prompt vectors": ["--method=prompt-tuning"],
    "norms": ["--method=selective"],
    "last layer of each half": ["--method=selective", "--last-layers=1"],
}
_COLUMNS = ["method", "trained", "CPU s", "peak MiB", "result kB", "dev loss", "ROUGE-1", "gain", "other: change"]


def main() -> None:
    """Tune by every method and print one Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--dev", type=Path, required=True)
    parser.add_argument("--other", type=Path, required=True)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--steps", type=int, default=375)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--judge", type=int, default=300)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    arguments = parser.parse_args()
    print(f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}", flush=True)
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as name:
        data = _head(arguments.train, arguments.rows, Path(name) / "train.jsonl")
        for method in arguments.methods:
            found[method], seconds = _tune(method, data, arguments, Path(name) / "home")
            print(_row(method, found[method], seconds), flush=True)
    _compare(found)


def _tune(method: str, data: Path, arguments: argparse.Namespace, home: Path) -> tuple[dict[str, Any], float]:
    """The result of one run of the stage and the CPU seconds that it took, judging included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [
        *("sft", f"--data={data}", f"--dev={arguments.dev}", f"--model={arguments.model}", "--json", "--threads=1"),
        *(f"--max-steps={arguments.steps}", f"--batch-size={arguments.batch}", "--patience=0", "--show-every=0"),
        *(f"--save-every={max(1, arguments.steps // 3)}", f"--judge={arguments.judge}", "--epochs=100"),
        *(f"--forgetting={arguments.other}", f"--forgetting-cases={arguments.judge}"),
        *METHODS[method],
    ]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "training", *words],
        env={**os.environ, "ASSISTANT_HOME": str(home), "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{method}: {done.stdout}{done.stderr[-400:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout.splitlines()[-1]), seconds


def _row(method: str, result: dict[str, Any], seconds: float) -> str:
    gain, other = result["gain"], next(iter(result["forgetting"].values()))
    cells = [
        method,
        f"{result['trained_parameters']:,}",
        f"{seconds:.0f}",
        f"{result['peak_memory_mib']:.0f}",
        f"{result['result_bytes'] / 1000:,.0f}",
        f"{result['dev_loss']:.3f}",
        f"{gain['rouge1']['second']:.1f}",
        _change(gain["rouge1"]),
        _change(other["rouge1"]),
    ]
    return f"| {' | '.join(cells)} |"


def _compare(found: dict[str, dict[str, Any]]) -> None:
    first = next(iter(found.values()))
    other = next(iter(first["forgetting"].values()))
    print(f"\nuntuned: ROUGE-1 {first['gain']['rouge1']['first']:.1f} (n = {first['gain']['n']}), "
          f"on the other set {other['rouge1']['first']:.1f} (n = {other['n']})")  # fmt: skip
    if "full" in found:
        full = found["full"]["gain"]["rouge1"]["difference"]
        for method, result in found.items():
            if full and method.startswith("LoRA"):
                print(f"{method}: {result['gain']['rouge1']['difference'] / full:.0%} of full tuning's gain")


def _change(figure: dict[str, Any]) -> str:
    low, high = figure["ci"]
    return f"{figure['difference']:+.1f} [{low:+.1f}, {high:+.1f}]"


def _head(path: Path, count: int, place: Path) -> Path:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as stream:
        place.write_text("".join(line for _, line in zip(range(count), stream, strict=False)))
    return place


if __name__ == "__main__":
    main()
