"""A race of engines for T5 on a CPU, against transformers (sdpa, float32) with the same weights.

The engines are CTranslate2 int8 as the assistant runs it, torch's dynamic int8, ONNX Runtime int8 and OpenVINO int8.

    python tests/benchmarks/engines.py [--model REF …] [--engine NAME …] [--rounds 3] [--tokens 60] [--prompt 220]

Without --model: the shape of flan-t5-base with random weights, and pocket. Engines whose packages are missing are left
out. All are available after

    pip install onnx onnxruntime openvino && pip install --no-deps nncf

in a separate environment that includes the project's packages. Not in the race: llama.cpp, as llama-cpp-python has no
wheels on PyPI; and torch.compile, whose compilation took longer than everything else here (torchao's int8 needs it).

Every engine runs in its own process, which receives JSON lines and measures its times. Each runs with one thread and
with all cores, and a short trial of every case decides which continues; CTranslate2 chooses its threads itself. Turns
are interleaved in rounds. A ratio is transformers' time over the engine's, as the median of the rounds. Every text has
exactly --tokens tokens; the batch of 64 has fewer, and runs once. "Ready" is the time from the start of the process to
the first request, with the imports. Parity is the difference of log-probabilities from transformers', for what
transformers writes and for random pieces. The bound: a token takes at least the time to read the decoder's int8
matrices.
"""

import argparse
import json
import math
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors import safe_open

sys.path.insert(0, str(Path(__file__).parents[2]))

from assistant.engine.conversion import ensure_converted
from assistant.engine.threads import make_plan
from assistant.engine.tokens import ModelTokenizer
from assistant.models.registry import resolve
from assistant.records import ModelVersion
from assistant.settings import Settings
from tests.benchmarks import serving
from tests.benchmarks.machine import TimingParser
from tests.benchmarks.racers import ENTRIES, Case

_PEER = "transformers"
_PAUSE = 0.2
"""Seconds between turns, in which threads that spin while they wait for work go to sleep."""
_TRIED = 8
"""Tokens of a text in the trial that decides between numbers of threads."""
_WIDE = 16
"""Tokens of a text in the batch of 64."""
_COPIED = 512 << 20
_MATRIX = re.compile(
    r"decoder\.block\.\d+\.layer\.\d\.(SelfAttention\.[qkvo]|EncDecAttention\.[qo]|DenseReluDense\.\w+)\.weight"
)
"""The decoder's matrices, without those that are used only once per prompt."""


def main() -> None:
    parser = TimingParser(description=__doc__)
    parser.add_argument("--model", action="append", help="a model reference or the name of a shape with random weights")
    parser.add_argument("--engine", action="append", choices=ENTRIES, help="race these alone; transformers always runs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=60, help="tokens of every text")
    parser.add_argument("--prompt", type=int, default=220, help="tokens of a prompt")
    parser.add_argument("--work", nargs=4, metavar=("ENGINE", "MODEL", "FILES", "THREADS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])  # for child processes
    if arguments.work:
        _work(*arguments.work)
        return
    bandwidth = _bandwidth()
    print(f"Memory bandwidth: {bandwidth / 1e9:.1f} GB/s, read and written by one thread that copies 512 MiB.")
    for ref in arguments.model or ["flan-t5-base", "pocket"]:
        with tempfile.TemporaryDirectory() as folder:
            model = (
                serving._random_model(ref, Path(folder) / ref) if ref in serving._SHAPES else resolve(ref, Settings())
            )
            _race(model, Path(folder), bandwidth, arguments)


class _Runner:
    """An engine with a number of threads in its own process. Without a number, it only prepares its files."""

    def __init__(self, engine: str, model: ModelVersion, files: Path, threads: int | None) -> None:
        self.threads = threads
        self._log = (files.parent / f"{engine}-{threads}.log").open("w+")
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [
                sys.executable,
                __file__,
                "--work",
                engine,
                msgspec.json.encode(model).decode(),
                str(files),
                json.dumps(threads),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        try:
            self._ask({})
        except RuntimeError:
            self.close()
            raise
        self.seconds_to_ready = time.perf_counter() - start

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def write(self, case: Case) -> tuple[float, list[str]]:
        """The seconds that a request takes, and its texts."""
        answer = self._ask({"case": msgspec.to_builtins(case)})
        return answer["seconds"], answer["texts"]

    def score(self, prompt: str, completion: str) -> list[float]:
        row: list[float] = self._ask({"prompt": prompt, "completion": completion})["row"]
        return row

    @property
    def resident(self) -> float:
        """The process's resident memory in MiB."""
        return serving._resident(self._process.pid)

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Send a question and return the answer. Raises RuntimeError with the last line of its log if the process
        ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError((self._log.read().strip() or "ended without a word").splitlines()[-1])
        answer: dict[str, Any] = json.loads(line)
        return answer


def _work(engine: str, encoded: str, folder: str, threads: str) -> None:
    """Load the engine, or prepare its files, then answer questions. Runs in the engine's process."""
    entry, model, files = ENTRIES[engine], msgspec.json.decode(encoded, type=ModelVersion), Path(folder)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # for libraries that print
    count: int | None = json.loads(threads)
    racer = entry.load(model, files, count) if count is not None else entry.prepare(model, files)
    for line in sys.stdin:
        question, answer = json.loads(line), {}
        start = time.perf_counter()
        if "case" in question:
            texts = racer.write(msgspec.convert(question["case"], Case))
            answer = {"seconds": time.perf_counter() - start, "texts": texts}
        elif "prompt" in question:
            answer = {"row": racer.score(**question)}
        print(json.dumps(answer), file=answers, flush=True)
        if racer:
            racer.rest()


def _cases(tokenizer: ModelTokenizer, pieces: int, arguments: argparse.Namespace) -> tuple[list[Case], Case]:
    """The cases of every round, and the batch of 64."""
    rng, length, tokens = random.Random(5), arguments.prompt, arguments.tokens

    def prompts(count: int) -> list[str]:
        """Prompts with lengths as in real batches: from two thirds to four thirds of the single prompt's."""
        steps = np.linspace(2 / 3, 4 / 3, count)
        return [serving._prompt(tokenizer, pieces, round(length * step), rng) for step in steps]

    one = [serving._prompt(tokenizer, pieces, length, rng)]
    return [
        Case("first token", one, "greedy", 1),
        Case("greedy", one, "greedy", tokens),
        Case("4 beams", one, "beam", tokens),
        Case("4 samples", one, "sample", tokens),
        Case("batch of 8", prompts(8), "greedy", tokens),
    ], Case("batch of 64", prompts(64), "greedy", _WIDE)


def _race(model: ModelVersion, folder: Path, bandwidth: float, arguments: argparse.Namespace) -> None:
    tokenizer = ModelTokenizer(Path(model.folder))
    pieces = json.loads((Path(model.folder) / "config.json").read_text())["vocab_size"] - 30
    cases, wide = _cases(tokenizer, pieces, arguments)
    print(f"\n### {model.ref}: {model.parameters / 1e6:.1f} M parameters\n", flush=True)
    with ExitStack() as stack:
        found = _start_all(model, folder, arguments.engine or list(ENTRIES), stack)
        best = {engine: _choose(runners, cases, wide) for engine, runners in found.items()}
        times = _time(best, cases, arguments.rounds)
        completions = [
            best[_PEER]["greedy"].write(cases[1])[1][0],
            serving._prompt(tokenizer, pieces, 30, random.Random(9)),
        ]
        last_rows = [
            _row("ready, s", best, lambda runner: f"{runner.seconds_to_ready:.1f}"),
            _row("resident memory, MiB", best, lambda runner: f"{runner.resident:.0f}"),
            _parity_row(best, cases[1].prompts[0], completions),
        ]
        times |= _time({engine: best[engine] for engine in best if ENTRIES[engine].writes_64}, [wide], 1)
    print(f"{tokenizer.count(cases[1].prompts[0])} -> {arguments.tokens} tokens, {arguments.rounds} rounds.")
    if "ctranslate" in best:
        print(f"CTranslate2: {make_plan(ensure_converted(model), 0).sentence()}.")
    print("\n| ms (threads), times as fast | " + " | ".join(ENTRIES[engine].name for engine in best) + " |")
    print("|---" * (1 + len(best)) + "|")
    for case in (*cases, wide):
        print(_times_row(case, best, times[case.name]))
    bytes_read = _bytes_a_token(Path(model.folder))
    print("\n".join([*_speed_rows(times, arguments.tokens, bandwidth / bytes_read), *last_rows]))
    print(
        f"\nThe bound: {bytes_read / 1e6:.1f} MB a token, {bandwidth / bytes_read:.0f} tokens/s. {_WIDE} tokens a text "
        "in the batch of 64. Parity: nats a token, mean (most)."
    )


Best = dict[str, dict[str, _Runner]]
"""For each engine and case, the runner with the fastest number of threads."""
Times = dict[str, dict[str, list[float]]]
"""Seconds by case, engine and round."""


def _start_all(model: ModelVersion, folder: Path, engines: Sequence[str], stack: ExitStack) -> dict[str, list[_Runner]]:
    """Start every available engine, transformers first, with each number of threads."""
    found = {}
    for engine in dict.fromkeys([_PEER, *engines]):
        entry, files = ENTRIES[engine], folder / "files" / engine
        missing = [package for package in entry.packages if not find_spec(package)]
        if missing:
            print(f"{entry.name} is left out: pip install --no-deps {' '.join(missing)}")
            continue
        files.mkdir(parents=True)
        counts = [0] if entry.chooses_threads else sorted({1, len(os.sched_getaffinity(0))})
        try:
            if entry.prepare:
                _Runner(engine, model, files, None).close()
            runners = [_Runner(engine, model, files, count) for count in counts]
        except RuntimeError as error:
            print(f"{entry.name} is left out: {error}")
            continue
        for runner in runners:
            stack.callback(runner.close)
        found[engine] = runners
    return found


def _choose(runners: list[_Runner], cases: list[Case], wide: Case) -> dict[str, _Runner]:
    """For each case, the runner that is fastest in a short trial, which also warms all of them up.

    The batch of 64 takes the last case's runner without a trial.
    """
    if len(runners) > 1:
        for runner in runners:
            runner.write(msgspec.structs.replace(cases[0], tokens=2))
    chosen = {}
    for case in cases:
        short = msgspec.structs.replace(case, tokens=min(case.tokens, _TRIED))
        chosen[case.name] = min(runners, key=lambda runner: runner.write(short)[0])
    return {**chosen, wide.name: chosen[cases[-1].name]}


def _time(best: Best, cases: list[Case], rounds: int) -> Times:
    times: Times = {case.name: {engine: [] for engine in best} for case in cases}
    for number in range(rounds):
        first = number % len(best)
        for case in cases:
            for engine in [*best][first:] + [*best][:first]:
                time.sleep(_PAUSE)
                times[case.name][engine].append(best[engine][case.name].write(case)[0])
    return times


def _row(name: str, best: Best, cell: Callable[[_Runner], str]) -> str:
    return f"| {name} | " + " | ".join(cell(chosen["greedy"]) for chosen in best.values()) + " |"


def _times_row(case: Case, best: Best, times: dict[str, list[float]]) -> str:
    cells = []
    for engine, chosen in best.items():
        if engine not in times:
            cells.append("")
            continue
        threads = chosen[case.name].threads or "its own"
        cell = f"{1000 * statistics.median(times[engine]):.0f} ({threads})"
        ratios = [peer / own for peer, own in zip(times[_PEER], times[engine], strict=True)]
        if engine != _PEER:
            cell += f": {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        cells.append(cell)
    return f"| {case.name} | " + " | ".join(cells) + " |"


def _speed_rows(times: Times, tokens: int, bound: float) -> list[str]:
    """Tokens per second of the greedy text: for the whole request, and after the first token, with the share of the
    bound.
    """
    whole = {engine: statistics.median(seconds) for engine, seconds in times["greedy"].items()}
    first = {engine: statistics.median(seconds) for engine, seconds in times["first token"].items()}
    later = {engine: (tokens - 1) / (whole[engine] - first[engine]) for engine in whole}
    return [
        "| greedy, tokens/s | " + " | ".join(f"{tokens / seconds:.0f}" for seconds in whole.values()) + " |",
        "| after the first token, tokens/s (of the bound) | "
        + " | ".join(f"{speed:.0f} ({speed / bound:.0%})" for speed in later.values())
        + " |",
    ]


def _parity_row(best: Best, prompt: str, completions: list[str]) -> str:
    def gains(runner: _Runner) -> list[float]:
        return [gain for one in completions for gain in runner.score(prompt, one)]

    expected = gains(best[_PEER]["greedy"])

    def cell(runner: _Runner) -> str:
        gaps = [abs(a - b) for a, b in zip(gains(runner), expected, strict=True)]
        return f"{statistics.mean(gaps):.3f} ({max(gaps):.3f})"

    return _row("parity", best, cell)


def _bandwidth() -> float:
    """Bytes per second that one thread moves, read and written."""
    source = np.ones(_COPIED, np.uint8)
    target = np.zeros_like(source)

    def seconds() -> float:
        start = time.perf_counter()
        np.copyto(target, source)
        return time.perf_counter() - start

    return 2 * _COPIED / min(seconds() for _ in range(5))


def _bytes_a_token(folder: Path) -> int:
    """Bytes of the int8 matrices that the decoder reads for every token: all but those that read the prompt."""
    shapes = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "np") as weights:
            shapes |= {name: weights.get_slice(name).get_shape() for name in weights.keys()}  # noqa: SIM118
    head = "lm_head.weight" if "lm_head.weight" in shapes else "shared.weight"
    read = [shape for name, shape in shapes.items() if name == head or _MATRIX.fullmatch(name)]
    return sum(math.prod(shape) for shape in read)


if __name__ == "__main__":
    main()
