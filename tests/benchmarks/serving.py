"""Speed and memory of serving: CTranslate2 int8 against transformers (sdpa, float32) with the same weights.

    python tests/benchmarks/serving.py [--model REF …] [--rounds 5] [--threads 0] [--tokens 60] [--prompt 220]

Without --model: the shape of flan-t5-base with random weights, and pocket. Random weights seldom end a text, so every
text has exactly --tokens tokens on both sides. The two sides take turns within a round, so that a machine that slows
down affects both. A ratio is the median of the rounds' ratios. Transformers runs with one thread and with all cores,
and the faster one counts in each case. Each side runs in its own process, whose resident memory is measured at the end.
The engine's times are measured in the calling process, messages between processes included; the peer's inside its
process.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parents[2]))

from assistant.engine.client import Engine
from assistant.engine.conversion import ensure_converted
from assistant.engine.protocol import Piece
from assistant.engine.threads import make_plan
from assistant.engine.tokens import ModelTokenizer
from assistant.models.folder import inspect_folder
from assistant.models.registry import resolve
from assistant.records import GenerationSettings, ModelVersion
from assistant.settings import Settings
from tests.benchmarks.machine import TimingParser

_SHAPES = {
    "flan-t5-base": {"d_model": 768, "num_heads": 12, "d_ff": 2048, "num_layers": 12, "vocab_size": 32128},
    "smoke": {"d_model": 64, "num_heads": 2, "d_ff": 128, "num_layers": 2, "vocab_size": 512},
}
_GOALS = {"greedy": 3.0, "sampling x4": 3.0, "batch of 8": 3.5, "first token": 2.5}
_POCKET_GOALS = {"greedy": 5.0, "sampling x4": 5.0, "batch of 8": 4.0, "first token": 2.5}
_MEMORY_GOAL = 0.35
_Round = tuple[float, dict[int, float]]
"""Seconds of the engine, and of transformers by number of threads."""
_PAUSE = 1.0
"""Seconds after an answer in which the engine prepares for the next one. Then the peer has the cores to itself."""


def main() -> None:
    parser = TimingParser(description=__doc__)
    parser.add_argument("--model", action="append", help="a model reference or the name of a shape with random weights")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="of either side; 0 for what is fastest")
    parser.add_argument("--tokens", type=int, default=60, help="tokens of every text")
    parser.add_argument("--prompt", type=int, default=220, help="tokens of a prompt")
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        _serve_as_peer(arguments.peer, arguments.threads)
        return
    for ref in arguments.model or ["flan-t5-base", "pocket"]:
        if ref in _SHAPES:
            with tempfile.TemporaryDirectory() as folder:
                _compare(_random_model(ref, Path(folder) / ref), arguments)
        else:
            _compare(resolve(ref, Settings()), arguments)


class _Case(msgspec.Struct, frozen=True):
    name: str
    prompts: list[str]
    settings: GenerationSettings
    is_stream: bool = False


def _cases(tokenizer: ModelTokenizer, pieces: int, arguments: argparse.Namespace) -> list[_Case]:
    length, tokens = arguments.prompt, arguments.tokens
    rng = random.Random(5)
    exact = {"max_new_tokens": tokens, "min_new_tokens": tokens, "no_repeat_ngram": 0}
    greedy = GenerationSettings(decoding="greedy", **exact)
    one = [_prompt(tokenizer, pieces, length, rng)]
    # Lengths as in real batches: from two thirds to four thirds of the single prompt's.
    eight = [_prompt(tokenizer, pieces, round(length * (2 / 3 + i * 2 / 21)), rng) for i in range(8)]
    return [
        _Case("greedy", one, greedy),
        _Case("sampling x4", one, GenerationSettings(decoding="sample", drafts=4, seed=1, **exact)),
        _Case("batch of 8", eight, greedy),
        _Case("first token", one, greedy, is_stream=True),
    ]


def _prompt(tokenizer: ModelTokenizer, pieces: int, length: int, rng: random.Random) -> str:
    """A text of about `length` random pieces of the vocabulary."""
    text = ""
    while (missing := length - tokenizer.count(text)) > 0:
        text += " " + tokenizer.decode([rng.randrange(100, pieces) for _ in range(missing)])
    return text


def _compare(model: ModelVersion, arguments: argparse.Namespace) -> None:
    tokenizer = ModelTokenizer(Path(model.folder))
    pieces = json.loads((Path(model.folder) / "config.json").read_text())["vocab_size"] - 30
    cases = _cases(tokenizer, pieces, arguments)
    cores = len(os.sched_getaffinity(0))
    counts = [arguments.threads] if arguments.threads else sorted({1, cores})
    with ExitStack() as stack:
        engine = stack.enter_context(Engine())
        peers = {threads: stack.enter_context(_Peer(Path(model.folder), threads)) for threads in counts}
        loaded = engine.load(model, "ctranslate", arguments.threads)
        times: dict[str, list[_Round]] = {case.name: [] for case in cases}
        for number in range(arguments.rounds + 1):
            for case in cases:
                ours = _time_ours(engine, case)
                time.sleep(_PAUSE)
                theirs = {threads: peer.run(case) for threads, peer in peers.items()}
                if number:  # the first round is a warm-up
                    times[case.name].append((ours, theirs))
        peer = peers[counts[-1]]
        parity = _parity(engine, peer, cases[0], tokenizer, pieces)
        time.sleep(_PAUSE)
        memory = (_resident(engine.process_id), _resident(peer.process_id))
    plan = make_plan(ensure_converted(model), arguments.threads)
    print(f"\n### {model.ref}: {model.parameters / 1e6:.1f} M parameters\n")
    print(f"CTranslate2 {loaded.backend_version} int8, {plan.sentence()}, against {peer.version}; ", end="")
    print(f"{arguments.rounds} rounds, {tokenizer.count(cases[0].prompts[0])} -> {arguments.tokens} tokens.\n")
    print("| | transformers ms (threads) | engine ms | times as fast (min to max) | goal |\n|---|---|---|---|---|")
    goals = _POCKET_GOALS if model.ref == "pocket" else _GOALS
    for name, rounds in times.items():
        print(_row(name, rounds, goals[name]))
    print(
        f"| resident memory, MiB | {memory[1]:.0f} | {memory[0]:.0f} "
        f"| {memory[0] / memory[1]:.2f} of it | {_MEMORY_GOAL} of it |"
    )
    print(f"\nScore parity, int8 against float32: {parity[0]:.4f} nats a token on average, {parity[1]:.4f} at most.")


def _row(name: str, rounds: list[_Round], goal: float) -> str:
    """A row: the engine against transformers with its best number of threads for this case."""
    medians = {threads: statistics.median(theirs[threads] for _, theirs in rounds) for threads in rounds[0][1]}
    best = min(medians, key=lambda threads: medians[threads])
    ratios = [theirs[best] / ours for ours, theirs in rounds]
    return (
        f"| {name} | {1000 * medians[best]:.0f} ({best}) | {1000 * statistics.median(ours for ours, _ in rounds):.0f} "
        f"| {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | {goal:.1f} |"
    )


def _time_ours(engine: Engine, case: _Case) -> float:
    start = time.perf_counter()
    if not case.is_stream:
        finished = engine.generate(case.prompts, case.settings)
        seconds = time.perf_counter() - start
        assert {draft.tokens for drafts in finished.drafts for draft in drafts} == {case.settings.max_new_tokens}
        return seconds
    stream = engine.stream(case.prompts[0], case.settings)
    first = next(stream)
    seconds = time.perf_counter() - start
    assert isinstance(first, Piece)
    engine.cancel()
    list(stream)
    return seconds


def _parity(engine: Engine, peer: "_Peer", case: _Case, tokenizer: ModelTokenizer, pieces: int) -> tuple[float, float]:
    """The mean and largest absolute difference in nats per token, for a text that the model writes and for random
    pieces.
    """
    written = engine.generate(case.prompts, case.settings).drafts[0][0].text
    completions = [written, _prompt(tokenizer, pieces, 30, random.Random(9))]
    prompts = case.prompts * len(completions)
    ours = engine.score(prompts, completions).token_log_probabilities
    theirs = peer.score(prompts, completions)
    gaps = [abs(a - b) for x, y in zip(ours, theirs, strict=True) for a, b in zip(x, y, strict=True)]
    return statistics.mean(gaps), max(gaps)


def _resident(process: int | None) -> float:
    """The resident memory of a process in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


class _Peer:
    """Plain transformers in its own process, which receives JSON lines."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--peer", str(folder), "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **({"OMP_NUM_THREADS": str(threads)} if threads else {})},
            text=True,
        )
        self.version = self._ask({})["version"]

    def __enter__(self) -> "_Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def process_id(self) -> int:
        return self._process.pid

    def run(self, case: _Case) -> float:
        """The seconds that a request takes."""
        return float(self._ask({"case": msgspec.to_builtins(case)})["seconds"])

    def score(self, prompts: list[str], completions: list[str]) -> list[list[float]]:
        """The log-probability of every token of each completion."""
        rows: list[list[float]] = self._ask({"prompts": prompts, "completions": completions})["rows"]
        return rows

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def _serve_as_peer(folder: Path, threads: int) -> None:
    import torch
    import transformers

    if threads:
        torch.set_num_threads(threads)
    transformers.utils.logging.disable_progress_bar()
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True, use_safetensors=True
    ).eval()
    tokenizer = ModelTokenizer(folder)
    version = f"transformers {transformers.__version__} {model.config._attn_implementation} float32"
    for line in sys.stdin:
        question = json.loads(line)
        with torch.inference_mode():
            if "case" in question:
                answer: dict[str, Any] = {"seconds": _time_peer(model, tokenizer, question["case"])}
            elif "prompts" in question:
                answer = {"rows": _score_peer(model, tokenizer, question)}
            else:
                answer = {"version": version}
        print(json.dumps(answer), flush=True)


def _time_peer(model: Any, tokenizer: ModelTokenizer, case: dict[str, Any]) -> float:
    import torch

    settings = case["settings"]
    is_sample = settings["decoding"] == "sample"
    length = 1 if case["is_stream"] else settings["max_new_tokens"]
    start = time.perf_counter()
    rows = [torch.tensor(tokenizer.encode(prompt)) for prompt in case["prompts"]]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    chosen = {"top_k": settings["top_k"], "temperature": settings["temperature"]} if is_sample else {}
    model.generate(
        input_ids=ids,
        attention_mask=(ids != 0).long(),
        do_sample=is_sample,
        num_return_sequences=settings["drafts"],
        max_new_tokens=length,
        min_new_tokens=length,
        **chosen,
    )
    return time.perf_counter() - start


def _score_peer(model: Any, tokenizer: ModelTokenizer, question: dict[str, Any]) -> list[list[float]]:
    from assistant.engine.recipe import reference

    pairs = zip(question["prompts"], question["completions"], strict=True)
    return [reference(model, tokenizer.encode(prompt), tokenizer.encode(completion)) for prompt, completion in pairs]


def _random_model(shape: str, folder: Path) -> ModelVersion:
    """A T5 1.1 of this shape with a separate output layer, and a tokenizer with one piece per word."""
    from tests.flan_shape import write_random_t5

    sizes = _SHAPES[shape]
    folder.mkdir(parents=True)
    write_random_t5(folder, sizes)
    _word_tokenizer(sizes["vocab_size"] - 28).save(str(folder / "tokenizer.json"))
    return ModelVersion(
        ref=f"shape of {shape}",
        folder=str(folder),
        kind="path",
        parameters=inspect_folder(folder).parameters,
    )


def _word_tokenizer(size: int) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    names = ["<pad>", "</s>", "<unk>", *(f"w{i}" for i in range(3, size))]
    tokenizer = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return tokenizer


if __name__ == "__main__":
    main()
