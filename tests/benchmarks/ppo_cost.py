"""The cost of a PPO step: seconds by batch, response length and model size, in which parts, and memory.

    python tests/benchmarks/ppo_cost.py --shapes tiny pocket --steps 3
    python tests/benchmarks/ppo_cost.py --shapes small --batches 8 --lengths 30 --steps 1 --warm-up 0

Models have random weights of the named shape, since the cost does not depend on what they write. CPU seconds are of one
thread and hardly change when other programs compete for the cores; wall seconds do.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import psutil
import torch
from transformers import T5Config, T5ForConditionalGeneration

from tests.benchmarks.machine import TimingParser
from tests.tiny_models import build_tiny_model
from training.ppo import updates
from training.ppo.config import GuardLimits, PpoConfig
from training.ppo.policy import LoraShape, Policy, load_policy
from training.ppo.stage import train
from training.ppo.trainer import PpoInputs, Trainer
from training.runs.run import Run, StopRequested

# d_model, heads, d_ff, encoder layers, decoder layers, vocabulary
SHAPES = {
    "tiny": None,
    "pocket": (256, 8, 768, 6, 3, 8192),
    "small": (512, 6, 1024, 8, 8, 32128),
    "base": (768, 12, 2048, 12, 12, 32128),
}


def main() -> None:
    """Measure and print Markdown tables."""
    parser = TimingParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=["tiny", "pocket"])
    parser.add_argument("--batches", nargs="+", type=int, default=[8, 16, 32])
    parser.add_argument("--lengths", nargs="+", type=int, default=[15, 30, 60])
    parser.add_argument("--source", type=int, default=200, help="tokens of a prompt")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--warm-up", type=int, default=1, help="steps that are not counted")
    parser.add_argument("--adapt", nargs="+", choices=("decoder", "all"), default=["decoder", "all"])
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        models = {shape: build(root / shape, shape) for shape in arguments.shapes}
        print("| model | adapters | batch | response | CPU s a step | wall s | rollout | updates |\n|" + "---|" * 8)
        middle = arguments.batches[len(arguments.batches) // 2], arguments.lengths[len(arguments.lengths) // 2]
        cases = [(batch, middle[1]) for batch in arguments.batches]
        cases += [(middle[0], length) for length in arguments.lengths if length != middle[1]]
        profiles = []
        for shape, model in models.items():
            asked = [("decoder", *case) for case in cases] if "decoder" in arguments.adapt else []
            asked += [("all", *middle)] if "all" in arguments.adapt else []
            for adapt, batch, length in asked:
                row, parts = line(model, shape, adapt, batch, length, arguments, root)
                print(row, flush=True)
                if (batch, length) == middle:
                    profiles.append(f"- {shape}, adapters {adapt}, batch {batch}, {length} tokens: {parts}")
        print("\n" + "\n".join(profiles))
        print("\n| model | weights, MB | reference as an adapter, MB | as a second model, MB | resident growth, MB |")
        print("|" + "---|" * 5)
        for shape, model in models.items():
            print(memory(model, shape), flush=True)


def build(folder: Path, shape: str) -> Path:
    """Build a T5 of the shape with random weights, and return its folder."""
    build_tiny_model(folder)
    if sizes := SHAPES[shape]:
        width, heads, inner, encoder, decoder, words = sizes
        settings = T5Config(
            vocab_size=words,
            d_model=width,
            d_kv=64 if width > 256 else 32,
            num_heads=heads,
            d_ff=inner,
            num_layers=encoder,
            num_decoder_layers=decoder,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
            pad_token_id=0,
            eos_token_id=1,
            **{"decoder_start_token_id": 0},
        )
        T5ForConditionalGeneration(settings).save_pretrained(folder)
    return folder


def steps(
    model: Path, adapt: str, batch: int, length: int, arguments: argparse.Namespace, root: Path
) -> list[dict[str, float]]:
    """The times of every step after the warm-up."""
    config = PpoConfig(
        adapt=adapt,  # type: ignore[arg-type]
        max_new_tokens=length,
        max_steps=arguments.warm_up + arguments.steps,
        batch_size=batch,
        mini_batch_size=batch // 2,
        micro_batch_size=batch // 2,
        judge_every=0,
        save_every=10**9,
        guards=GuardLimits(patience=10**9),
    )
    folder = Path(tempfile.mkdtemp(dir=root))
    data = folder / "prompts.jsonl"
    # Each "!" is one token, and the end of the text one more.
    data.write_text(json.dumps({"prompt": "!" * (arguments.source - 2)}) + "\n")
    run = Run.start("ppo", config, [data], 1, root=folder)
    found: list[float] = []
    spent: dict[str, float] = defaultdict(float)
    try:
        with timed(Trainer, "step", "step", spent):
            inputs = PpoInputs(config=config, model=model, data=[data], reward=_lengths)
            train(
                *(inputs, folder / "out", run, StopRequested()),
                report=lambda figures: found.append(spent["step"] - sum(found)),
            )
        rows = run.metrics()
    finally:
        run.close()
    return [
        {"cpu": cpu, **{name: value for name, value in row.items() if name.startswith("time/")}}
        for cpu, row in zip(found, rows, strict=True)
    ][arguments.warm_up :]


def line(
    model: Path, shape: str, adapt: str, batch: int, length: int, arguments: argparse.Namespace, root: Path
) -> tuple[str, str]:
    """A row of the table of times, and the share of CPU time of each part of a step."""
    spent: dict[str, float] = defaultdict(float)
    with (
        timed(Policy, "encode", "encoder forward", spent),
        timed(Policy, "generate", "sampling", spent),
        timed(Policy, "evaluate_tokens", "policy's decoder passes forward", spent),
        timed(Policy, "reference_logprobs", "reference's decoder pass", spent),
        timed(torch.Tensor, "backward", "backward", spent),
        timed(updates.Learner, "_apply", "optimizer", spent),
    ):
        found = steps(model, adapt, batch, length, arguments, root)
    middle = {name: statistics.median(step[name] for step in found) for name in found[0]}
    wall = middle["time/rollout"] + middle["time/updates"]
    whole = sum(spent.values())
    row = (
        f"| {shape} | {adapt} | {batch} | {length} | {middle['cpu']:.2f} | {wall:.2f} | "
        f"{middle['time/rollout'] / wall:.0%} | {middle['time/updates'] / wall:.0%} |"
    )
    return row, ", ".join(f"{name} {value / whole:.0%}" for name, value in sorted(spent.items(), key=lambda x: -x[1]))


@contextmanager
def timed(owner: type, method: str, name: str, spent: dict[str, float]) -> Iterator[None]:
    """A context that adds up the CPU seconds of a method."""
    original: Callable[..., Any] = getattr(owner, method)

    def measured(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        try:
            return original(*args, **kwargs)
        finally:
            spent[name] += time.process_time() - start

    setattr(owner, method, measured)
    try:
        yield
    finally:
        setattr(owner, method, original)


def memory(model: Path, shape: str) -> str:
    """A row: the memory of a reference model as an adapter, and as a second model."""
    process = psutil.Process()
    policy = load_policy(
        model,
        None,
        LoraShape(16, 32, ("q", "v")),
        trains_encoder=False,
        value_adapter=False,
        temperature=1.0,
        dtype="float32",
        device="cpu",
        seed=0,
    )
    weights = {name: value.numel() * value.element_size() / 2**20 for name, value in policy.model.named_parameters()}
    added = sum(size for name, size in weights.items() if ".reference." in name)
    base = sum(size for name, size in weights.items() if ".lora_" not in name)
    before = process.memory_info().rss
    second = T5ForConditionalGeneration.from_pretrained(model)
    touched = sum(
        float(parameter.detach().sum()) for parameter in second.parameters()
    )  # weights are memory-mapped until they are read
    grown = (process.memory_info().rss - before) / 2**20
    assert touched == touched
    return f"| {shape} | {base:.1f} | {added:.2f} | {base:.1f} | {grown:.1f} |"


def _lengths(prompts: Sequence[str], responses: Sequence[str]) -> dict[str, list[float]]:
    return {"length": [float(len(text)) for text in responses]}


if __name__ == "__main__":
    main()
