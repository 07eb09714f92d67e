"""Every tuning method on the same conversations: what it gains, what it forgets, and what it costs.

    python -m tests.benchmarks.tuning_methods --train samsum_train.jsonl.gz --dev samsum_val.jsonl.gz \
        --other dialogsum_dev.jsonl.gz --work DIR

Each method runs in a new process, to measure its peak memory, with the same number of updates and its best learning
rate. Short runs choose the rate by their loss on training conversations that no run learns from and that are not
judged. Gain and forgetting are paired differences from the untuned model, for summaries as the assistant writes them,
with 95 % intervals clustered by conversation. Results are stored in DIR: the same command continues, and `--methods`
runs a part.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from training.evaluation.comparison import paired
from training.evaluation.summaries import read_cases, read_predictions

METHODS: dict[str, tuple[list[str], tuple[float, ...]]] = {
    "LoRA r 32, q and v": (["--method=lora"], (1e-3, 3e-3)),
    "LoRA r 32, all linear": (["--method=lora", "--targets=all-linear"], (1e-3, 3e-3)),
    "full": (["--method=full"], (3e-4, 1e-3)),
    "20 soft prompt vectors": (["--method=prompt-tuning"], (0.03, 0.3)),
    "norms": (["--method=selective"], (3e-3, 1e-2)),
    "last layer of each half": (["--method=selective", "--last-layers=1"], (1e-3, 3e-3)),
}
"""The flags of each method, and the rates to choose from."""
_COLUMNS = ["method", "trained", "rate", "CPU s", "peak MiB", "result kB", "loss", "ROUGE-1", "gain", "R-2 gain"]
_COLUMNS += ["R-L gain", "words", "other: ROUGE-1 change"]
_UNTUNED = "untuned"


def main() -> None:
    """Run what is missing, then print a Markdown table of all results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--dev", type=Path, required=True)
    parser.add_argument("--other", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--steps", type=int, default=188)
    parser.add_argument("--rate-steps", type=int, default=30)
    parser.add_argument("--rate-rows", type=int, default=100)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--judge", type=int, default=0, help="so many conversations of --dev; 0 for all")
    parser.add_argument("--judge-other", type=int, default=0, help="so many of --other; 0 for all")
    parser.add_argument("--methods", nargs="*", choices=[*METHODS, _UNTUNED], default=[_UNTUNED, *METHODS])
    parser.add_argument("--only-rates", action="store_true")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    data = _rows(arguments.train, 0, arguments.rows, arguments.work / "train.jsonl")
    aside = _rows(arguments.train, arguments.rows, arguments.rate_rows, arguments.work / "rates.jsonl")
    for method in arguments.methods:
        if method != _UNTUNED:
            rate = _choose_rate(method, data, aside, arguments)
        if not arguments.only_rates:
            model = arguments.model if method == _UNTUNED else _tune(method, rate, data, aside, arguments)["version"]
            for data_set, count in _judged(arguments):
                _write(method, model, data_set, count, arguments)
    print(_table(arguments))


def _choose_rate(method: str, data: Path, aside: Path, arguments: argparse.Namespace) -> float:
    """The rate with the lowest loss on the rows set aside, in short runs that decay to 0 like the long one."""
    words = [f"--learning-rate={rate}" for rate in METHODS[method][1]]
    place = arguments.work / f"{_name(method)}.rates.json"
    if not place.exists():
        script = [
            "-m",
            "tests.benchmarks.tuning_rates",
            f"--data={data}",
            f"--dev={aside}",
            *METHODS[method][0],
            *words,
        ]
        place.write_text(_run([*script, f"--model={arguments.model}", f"--steps={arguments.rate_steps}"], arguments))
    losses = json.loads(place.read_text())
    return float(min(losses, key=lambda rate: losses[rate]))


def _tune(method: str, rate: float, data: Path, aside: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    return _stage(
        arguments.work / f"{_name(method)}.json",
        arguments,
        ["sft", f"--data={data}", f"--dev={aside}", f"--model={arguments.model}", *METHODS[method][0]],
        [f"--learning-rate={rate}", f"--max-steps={arguments.steps}", f"--save-every={-(-arguments.steps // 2)}"],
        ["--epochs=100", "--patience=0", "--show-every=0", "--judge=0", "--threads=1", "--json"],
        [f"--batch-size={arguments.batch}"],
    )


def _judged(arguments: argparse.Namespace) -> list[tuple[Path, int]]:
    """The files to judge on, and how many rows of each."""
    return [(arguments.dev, arguments.judge), (arguments.other, arguments.judge_other)]


def _write(method: str, model: str, data_set: Path, count: int, arguments: argparse.Namespace) -> None:
    out = arguments.work / f"{_name(method)}.{_name(data_set.name.partition('.')[0])}.jsonl"
    words = ["evaluate", f"--data={data_set}", f"--model={model}", f"--out={out}", "--no-learned"]
    _stage(out.with_suffix(".json"), arguments, words, [f"--max-steps={count}", "--threads=1", "--json"])


def _stage(place: Path, arguments: argparse.Namespace, *words: list[str]) -> dict[str, Any]:
    """The result of a stage, which is stored in `place` and read from there the next time."""
    if not place.exists():
        place.write_text(_run(["-m", "training", *(word for some in words for word in some)], arguments))
    return dict(json.loads(place.read_text()))


def _run(words: list[str], arguments: argparse.Namespace) -> str:
    """Run Python and return the last line that it prints."""
    root, home = str(Path(__file__).parents[2]), str(arguments.work / "home")
    environment = {**os.environ, "ASSISTANT_HOME": home, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words[:3])}: {done.stdout}{done.stderr[-400:]}")
    return done.stdout.splitlines()[-1]


def _table(arguments: argparse.Namespace) -> str:
    """The table of finished methods, and LoRA's share of full tuning's gain."""
    lines = [f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS)]
    gains = {}
    for method in METHODS:
        changes = [_changes(method, data_set, count, arguments) for data_set, count in _judged(arguments)]
        if changes[0] and changes[1]:
            lines.append(_row(method, changes[0], changes[1], arguments))
            gains[method] = changes[0]["rouge1"]["difference"]
            untuned = [f"{rows['rouge1']['first']:.1f} (n = {rows['n']})" for rows in changes]
    if not gains:
        return "nothing is judged yet"
    lines += ["", f"untuned: ROUGE-1 {untuned[0]}, on the other set {untuned[1]}"]
    full = gains.get("full")
    lines += [f"{name}: {gains[name] / full:.0%} of full tuning's gain" for name in gains if full and "LoRA" in name]
    return "\n".join(lines)


def _changes(method: str, data_set: Path, count: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """The paired figures on one set, and n; empty if one side is missing."""
    name = _name(data_set.name.partition(".")[0])
    files = [arguments.work / f"{_name(which)}.{name}.jsonl" for which in (_UNTUNED, method)]
    if not all(path.exists() for path in files):
        return {}
    cases = read_cases([data_set], count)
    before, after = (read_predictions(path, cases).cases for path in files)
    return {"n": len(cases), **paired(before, after)}


def _row(method: str, gain: dict[str, Any], other: dict[str, Any], arguments: argparse.Namespace) -> str:
    result = json.loads((arguments.work / f"{_name(method)}.json").read_text())
    manifest = arguments.work / "home" / "state" / "runs" / result["run"] / "manifest.json"
    cells = [
        method,
        f"{result['trained_parameters']:,}",
        f"{json.loads(manifest.read_text())['config']['learning_rate']:g}",
        f"{result['cpu_seconds']:.0f}",
        f"{result['peak_memory_mib']:.0f}",
        f"{result['result_bytes'] / 1000:,.0f}",
        f"{result['dev_loss']:.3f}",
        f"{gain['rouge1']['second']:.1f}",
        *(_change(gain[name]) for name in ("rouge1", "rouge2", "rougeL")),
        f"{gain['words_median']['second']:.0f}",
        _change(other["rouge1"]),
    ]
    return f"| {' | '.join(cells)} |"


def _change(figure: dict[str, Any]) -> str:
    low, high = figure["ci"]
    return f"{figure['difference']:+.1f} [{low:+.1f}, {high:+.1f}]"


def _name(text: str) -> str:
    return text.replace(",", "").replace(" ", "-").lower()


def _rows(path: Path, first: int, count: int, place: Path) -> Path:
    if not place.exists():
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as stream:
            place.write_text("".join(line for i, line in enumerate(stream) if first <= i < first + count))
    return place


if __name__ == "__main__":
    main()
