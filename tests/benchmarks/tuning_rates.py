"""The held-out loss after a short tuning run for each of several learning rates, by which `tuning_methods` chooses.

    python -m tests.benchmarks.tuning_rates --data train.jsonl --dev aside.jsonl --method lora \
        --learning-rate 1e-3 --learning-rate 3e-3

Each run has the same examples in the same order, and its rate decays to 0.
"""

import argparse
import json
import tempfile
from pathlib import Path

from assistant.models.registry import resolve
from assistant.settings import load_settings
from training.runs.distributed import Ranks
from training.runs.job import Job
from training.sft.config import SftConfig
from training.sft.examples import part, read_lessons
from training.sft.methods import prepare
from training.sft.stage import lessons_of, tune


def main() -> None:
    """Print one JSON object: the loss in nats per token for each rate."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dev", type=Path, required=True)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--method", default="lora")
    parser.add_argument("--targets", default="attention")
    parser.add_argument("--last-layers", type=int, default=0)
    parser.add_argument("--learning-rate", type=float, action="append", required=True)
    parser.add_argument("--steps", type=int, default=30)
    chosen = parser.parse_args()
    base = resolve(chosen.model, load_settings())
    found = {}
    for rate in chosen.learning_rate:
        config = SftConfig(
            method=chosen.method, targets=chosen.targets, last_layers=chosen.last_layers, learning_rate=rate,
            max_steps=chosen.steps, save_every=chosen.steps, warmup_steps=chosen.steps // 10, epochs=100,
            patience=0, show_every=0, threads=1,
        )  # fmt: skip
        parted = part(read_lessons(chosen.data), read_lessons(chosen.dev), 0.1, 0, config.seed)
        train, held_out, _ = lessons_of(config, parted, base)
        with tempfile.TemporaryDirectory() as name:
            model = prepare(Path(base.folder), None, config)
            job = Job(stage="sft", config=config)
            found[rate] = tune(job, model, train, held_out, base, None, Ranks(), Path(name))["dev_loss"]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
