"""Parley's PPO against `PPOTrainer` of TRL 0.11.4, the last release that trains an encoder-decoder policy.

    python -m venv /tmp/trl && /tmp/trl/bin/pip install trl==0.11.4 torch==2.13.0 transformers==5.23.0 peft accelerate
    python tests/benchmarks/ppo_vs_trl.py --trl-python /tmp/trl/bin/python --shape tiny --steps 30 --seeds 5

Both get the same T5, LoRA shape, prompts, reward function, batch, epochs, learning rate and KL coefficient, and take
turns step by step. KL is computed in the same way for both, over every token of a response. The other environment runs
this file too (`--peer`), so there it imports nothing of ours.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.machine import TimingParser

KL_GRID = (0.5, 1.0, 2.0, 4.0, 6.0)
# 97.5 % points of Student's t for 1 to 19 degrees of freedom.
_T = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09)
_LORA = {"r": 16, "lora_alpha": 32, "lora_dropout": 0.0}


def reward_of(response: str) -> float:
    """The number of vowels: a dense reward that is simple to learn."""
    return float(sum(response.count(letter) for letter in "aeiou"))


def main() -> None:
    """Run the comparison and print a table."""
    parser = TimingParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trl-python", default="", help="interpreter of an environment with trl 0.11.4")
    parser.add_argument("--shape", choices=("tiny", "pocket"), default="tiny")
    parser.add_argument("--adapt", choices=("decoder", "all"), default="decoder")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--merge", type=Path, nargs="+", help="only print the table of what --json wrote before")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--mini-batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--new-tokens", type=int, default=8)
    parser.add_argument("--prompt-words", type=int, default=20)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--kl-coefficient", type=float, default=0.05)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        serve_peer(sys.stdin, sys.stdout)
    elif arguments.merge:
        parts = [json.loads(path.read_text()) for path in arguments.merge]
        print(table({side: [steps for part in parts for steps in part[side]] for side in ("ours", "trl")}))
    else:
        compare(arguments)


def compare(arguments: argparse.Namespace) -> None:
    """Run all seeds, then print the table."""
    import torch

    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder, Peer(arguments.trl_python) as peer:
        root = Path(folder)
        model = build_model(root / "model", arguments.shape)
        runs: dict[str, list[list[dict[str, float]]]] = {"ours": [], "trl": []}
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            ours, theirs = one_seed(arguments, model, root / str(seed), seed, peer)
            runs["ours"].append(ours)
            runs["trl"].append(theirs)
            print(f"seed {seed}: {summary(ours)} | trl {summary(theirs)}", file=sys.stderr, flush=True)
    print(table(runs))
    if arguments.json:
        arguments.json.write_text(json.dumps(runs))


def build_model(folder: Path, shape: str) -> Path:
    """Build a T5 with random weights: 60,000 parameters, or as many as the bundled model."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    from tests.tiny_models import build_tiny_model

    build_tiny_model(folder)
    if shape == "pocket":
        torch.manual_seed(0)
        settings = T5Config(
            vocab_size=8192,
            d_model=256,
            d_kv=32,
            num_heads=8,
            d_ff=768,
            num_layers=6,
            num_decoder_layers=3,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
            pad_token_id=0,
            eos_token_id=1,
            **{"decoder_start_token_id": 0},
        )
        T5ForConditionalGeneration(settings).save_pretrained(folder)
    return folder


def one_seed(
    arguments: argparse.Namespace, model: Path, folder: Path, seed: int, peer: "Peer"
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """The figures of each step of both sides, which take turns."""
    from transformers import AutoTokenizer

    from training.ppo.config import PpoConfig
    from training.ppo.rollouts import rows_of_step
    from training.ppo.stage import train
    from training.ppo.trainer import PpoInputs
    from training.runs.run import Run, StopRequested

    config = PpoConfig(
        adapt=arguments.adapt,
        lora_rank=_LORA["r"],
        lora_alpha=_LORA["lora_alpha"],
        max_new_tokens=arguments.new_tokens,
        max_steps=arguments.steps,
        batch_size=arguments.batch,
        mini_batch_size=arguments.mini_batch,
        micro_batch_size=arguments.mini_batch,
        rollout_batch_size=arguments.batch,
        epochs=arguments.epochs,
        learning_rate=arguments.rate,
        value_learning_rate=arguments.rate,
        warmup_steps=0,
        kl_coefficient=arguments.kl_coefficient,
        kl_target=0.0,
        missing_eos_penalty=0.0,
        judge_every=0,
        save_every=10**9,
        seed=seed,
    )
    texts = [
        " ".join(["Maya: the review", str(n), "moves"] + ["again"] * (arguments.prompt_words - 4)) for n in range(256)
    ]
    folder.mkdir(parents=True)
    data = folder / "prompts.jsonl"
    data.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in texts))
    tokenizer = AutoTokenizer.from_pretrained(model)
    ids = [tokenizer(text)["input_ids"] for text in texts]
    peer.start({"model": str(model), "seed": seed, **vars(arguments)})
    run = Run.start("ppo", config, [data], seed, root=folder)
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    clock = [time.perf_counter(), time.process_time()]

    def turn(figures: Any) -> None:
        wall, cpu = time.perf_counter() - clock[0], time.process_time() - clock[1]
        ours.append({"score": figures["score"], "kl": figures["kl"], "wall": wall, "cpu": cpu})
        rows = rows_of_step(len(ids), len(theirs), arguments.batch, seed)
        theirs.append(peer.step([ids[row] for row in rows]))
        clock[:] = [time.perf_counter(), time.process_time()]

    try:
        inputs = PpoInputs(config=config, model=model, data=[data], reward=scores_of)
        train(inputs, folder / "out", run, StopRequested(), report=turn)
    finally:
        run.close()
    return ours, theirs


def scores_of(prompts: Sequence[str], responses: Sequence[str]) -> dict[str, list[float]]:
    """The reward in the form of this project's trainer."""
    return {"vowels": [reward_of(text) for text in responses]}


class Peer:
    """The process that runs TRL; without its interpreter, the figures are 0."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Peer":
        if self._python:
            self._process = subprocess.Popen(
                [self._python, __file__, "--peer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        return self

    def __exit__(self, *error: object) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()

    def start(self, settings: dict[str, Any]) -> None:
        """Build the trainer and the model for a seed."""
        self._ask({"start": {key: str(value) if isinstance(value, Path) else value for key, value in settings.items()}})

    def step(self, queries: list[list[int]]) -> dict[str, float]:
        """Take one step on these prompts."""
        return self._ask({"step": queries})

    def _ask(self, message: dict[str, Any]) -> dict[str, float]:
        if self._process is None:
            return {"score": 0.0, "kl": 0.0, "wall": 0.0, "cpu": 0.0}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, float] = json.loads(line)
                return answer
        raise RuntimeError("the other environment ended; see its message above")


def serve_peer(requests: Any, answers: Any) -> None:
    """Answer each request with one line of JSON. Runs in the environment with TRL 0.11.4."""
    take_step: Callable[[list[list[int]]], dict[str, float]] | None = None
    for line in requests:
        message = json.loads(line)
        if "start" in message:
            take_step = trl_stepper(message["start"])
            answer: dict[str, float] = {}
        else:
            assert take_step is not None
            answer = take_step(message["step"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def trl_stepper(settings: dict[str, Any]) -> Callable[[list[list[int]]], dict[str, float]]:
    """TRL's trainer with the same settings, as a function from prompts to the figures of a step."""
    import torch
    from peft import LoraConfig
    from transformers import AutoTokenizer
    from trl import AutoModelForSeq2SeqLMWithValueHead, PPOConfig, PPOTrainer

    torch.set_num_threads(settings["threads"])
    torch.manual_seed(settings["seed"])
    modules = r"decoder\..*\.(q|v)" if settings["adapt"] == "decoder" else r".*\.(q|v)"
    lora = LoraConfig(task_type="SEQ_2_SEQ_LM", target_modules=modules, **_LORA)
    model = AutoModelForSeq2SeqLMWithValueHead.from_pretrained(settings["model"], peft_config=lora)
    tokenizer = AutoTokenizer.from_pretrained(settings["model"])
    config = PPOConfig(
        learning_rate=settings["rate"],
        batch_size=settings["batch"],
        mini_batch_size=settings["mini_batch"],
        ppo_epochs=settings["epochs"],
        adap_kl_ctrl=False,
        init_kl_coef=settings["kl_coefficient"],
        max_grad_norm=1.0,
        seed=settings["seed"],
    )
    trainer = PPOTrainer(config, model, None, tokenizer)
    # At least two tokens: TRL masks the first one, and raises IndexError if a response has no other.
    sampling = {"do_sample": True, "top_k": 0, "top_p": 1.0, "min_new_tokens": 2}
    sampling["max_new_tokens"] = settings["new_tokens"]

    def take_step(rows: list[list[int]]) -> dict[str, float]:
        queries = [torch.tensor(row) for row in rows]
        wall, cpu = time.perf_counter(), time.process_time()
        responses = trainer.generate(queries, batch_size=len(queries), **sampling)
        scores = [reward_of(tokenizer.decode(response, skip_special_tokens=True)) for response in responses]
        sampled_wall, sampled_cpu = time.perf_counter() - wall, time.process_time() - cpu
        kl = whole_kl(trainer, queries, responses)
        wall, cpu = time.perf_counter(), time.process_time()
        trainer.step(queries, responses, [torch.tensor(score) for score in scores])
        return {
            "score": statistics.fmean(scores),
            "kl": kl,
            "wall": sampled_wall + time.perf_counter() - wall,
            "cpu": sampled_cpu + time.process_time() - cpu,
        }

    return take_step


def whole_kl(trainer: Any, queries: list[Any], responses: list[Any]) -> float:
    """The mean over responses of the log ratio summed over all tokens; TRL itself leaves out the first one."""
    import torch

    inputs = trainer.prepare_model_inputs(queries, responses)
    tokens, mask = inputs["decoder_input_ids"][:, 1:], inputs["decoder_attention_mask"][:, 1:]
    with torch.no_grad():
        trainer.model.eval()
        both = []
        for context in (None, trainer.optional_peft_ctx):
            if context is None:
                logits = trainer.model(**inputs)[0]
            else:
                with context():
                    logits = trainer.model(**inputs)[0]
            both.append(logits[:, :-1].log_softmax(-1).gather(-1, tokens[..., None]).squeeze(-1))
    return float(((both[0] - both[1]) * mask).sum(dim=1).mean())


def summary(steps: Sequence[dict[str, float]]) -> str:
    """First and last score, last KL, and the median wall and CPU time of a step."""
    wall, cpu = (statistics.median(step[name] for step in steps) for name in ("wall", "cpu"))
    return (
        f"score {steps[0]['score']:.2f} -> {last(steps):.2f}, kl {steps[-1]['kl']:.2f}, {wall:.2f} s ({cpu:.2f} s CPU)"
    )


def last(steps: Sequence[dict[str, float]]) -> float:
    """The mean score of the last five steps."""
    return statistics.fmean(step["score"] for step in steps[-5:])


def at_kl(steps: Sequence[dict[str, float]], wanted: float) -> float | None:
    """The score at which the KL first passes `wanted`, both smoothed over three steps; None if it never does."""
    for before, after in itertools.pairwise(smoothed(steps)):
        if before[0] <= wanted < after[0]:
            share = (wanted - before[0]) / (after[0] - before[0])
            return before[1] + share * (after[1] - before[1])
    return None


def smoothed(steps: Sequence[dict[str, float]]) -> Iterator[tuple[float, float]]:
    """Yield (KL, score), each a mean over three neighbouring steps."""
    for start in range(len(steps) - 2):
        near = steps[start : start + 3]
        yield statistics.fmean(step["kl"] for step in near), statistics.fmean(step["score"] for step in near)


def interval(values: Sequence[float]) -> str:
    """Mean and 95 % interval over seeds (Student's t), and the number of seeds."""
    if len(values) < 2:
        return f"{values[0]:.2f} (n = 1)" if values else "-"
    half = _T[len(values) - 2] * statistics.stdev(values) / len(values) ** 0.5
    return f"{statistics.fmean(values):.2f} ± {half:.2f} (n = {len(values)})"


def table(runs: dict[str, list[list[dict[str, float]]]]) -> str:
    """The comparison as a Markdown table."""
    lines = ["| | here | TRL 0.11.4 | here - TRL |", "|---|---|---|---|"]

    def row(name: str, figure: Callable[[list[dict[str, float]]], float | None]) -> None:
        columns = [[figure(steps) for steps in runs[side]] for side in ("ours", "trl")]
        pairs = [(a, b) for a, b in zip(*columns, strict=True) if a is not None and b is not None]
        cells = [interval([value for value in column if value is not None]) for column in columns]
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {interval([a - b for a, b in pairs])} |")

    row("score, first step", lambda steps: steps[0]["score"])
    row("score, last five steps", last)
    row("KL, last step", lambda steps: steps[-1]["kl"])
    for kl in KL_GRID:
        row(f"score at KL {kl:g}", lambda steps, kl=kl: at_kl(steps, kl))  # type: ignore[misc]
    for name in ("wall", "cpu"):
        row(f"seconds a step ({name}, median)", lambda steps, name=name: statistics.median(s[name] for s in steps))  # type: ignore[misc]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
