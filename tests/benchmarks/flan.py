"""Run every command with the real shapes and files of FLAN-T5, without a network.

A server on this machine serves the model as the Hub does, with random weights.

    python -m tests.benchmarks.flan --model google/flan-t5-small --work DIR [--steps pull,convert,sft] [--shards 2]

The steps are those of docs/flan-t5.md, with a budget of a few updates. Each runs in a process; its seconds and peak
resident memory are printed. An unexpected result ends the program. Random weights write nonsense, so the texts are not
judged.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from assistant.switches import OFFLINE
from tests.flan_shape import SHAPES, build_flan_shape
from tests.hub import TOKEN, USER, running

_TALK = "Maya: The review moves to Friday.\nTom: I'll book room 4.\nMaya: Thank you, Tom."
_BRIEF = ("--max-steps", "2", "--batch-size", "2", "--judge-every", "2", "--judge-prompts", "4")
_SFT = ("--max-steps", "2", "--batch-size", "2", "--judge", "2", "--forgetting-cases", "2")
_RLHF = (
    *("--max-new-tokens", "8", "--epochs", "1", "--prompts", "8", "--provoking", "0", "--gate-conversations", "4"),
    # A random model proves nothing. It must only reach the gate, and pass one that requires nothing.
    *("--min-conversations", "1", "--max-growth", "99", "--max-rouge-loss", "99", "--trial-below", "0"),
    *("--min-win-rate", "-1", "--max-forgetting", "99", "--max-kl", "99", "--max-practice-loss", "99"),
)


class Drive:
    """Runs commands in a separate home, and prints what each took."""

    def __init__(self, work: Path, model: str, address: str) -> None:
        self.work, self.model = work, model
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in OFFLINE},
            "ASSISTANT_HOME": str(work / "home"),
            "ASSISTANT_GENERATION_MAX_NEW_TOKENS": "8",
            "HF_ENDPOINT": address,
            "HF_HOME": str(work / "huggingface"),
            "HF_TOKEN": TOKEN,
        }

    def __call__(self, program: str, *arguments: str, said: str = "", codes: tuple[int, ...] = (0,)) -> Any:
        """Run a command and return its JSON answer. Raises SystemExit for an unexpected exit code."""
        command = [sys.executable, "-m", program, *arguments, "--json"]
        began = time.monotonic()
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            source.write(said.encode())
            source.seek(0)
            process = subprocess.Popen(
                command, stdin=source, stdout=out, stderr=err, env=self._environment, cwd=self.work
            )
            # The peak of the process or of its children, whichever is higher.
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.monotonic() - began
            out.seek(0)
            err.seek(0)
            told, notes = out.read().decode(), err.read().decode()
        peak = used.ru_maxrss // 1024
        print(f"| `{program} {' '.join(arguments)[:70]}` | {seconds:.1f} | {used.ru_utime:.1f} | {peak} |", flush=True)
        if process.returncode not in codes:
            raise SystemExit(f"exit code {process.returncode}:\n{told[-2000:]}\n{notes[-4000:]}")
        return json.loads(told.splitlines()[-1])


def _pull(run: Drive) -> None:
    found = run("assistant", "models", "pull", run.model)
    assert found["licence"] == "apache-2.0", found


def _convert(run: Drive) -> None:
    place = Path(run("assistant", "models", "convert", run.model)["converted"])
    print(f"  {sum(path.stat().st_size for path in place.iterdir()) / 1e6:.0f} MB, {_precision(place)}")


def _precision(place: Path) -> str:
    return (place / "precision.json").read_text().strip()


def _exam(run: Drive) -> None:
    run("assistant", "models", "exam", run.model)


def _summarize(run: Drive) -> None:
    digest = run("assistant", "summarize", "--model", run.model, said=_TALK)
    assert digest["points"], digest
    text = run("assistant", "summarize", "--task", "summary", "--mode", "few-shot", "--model", run.model, said=_TALK)
    assert (text["model"], text["prompt_tokens"] <= 512) == (run.model, True), text
    run("assistant", "summarize", "--task", "summary", "--backend", "transformers", "--model", run.model, said=_TALK)


def _memory(run: Drive) -> None:
    found = run("training", "memory", run.model, "--batch-size", "8", "--length", "512", "--target-length", "64")
    print(f"  lora {found['train']['lora']['total']:.0f} MiB, full {found['train']['full']['total']:.0f} MiB")


def _sft(run: Drive) -> None:
    data, dev = _summaries(run.work / "train.jsonl", 8), _summaries(run.work / "dev.jsonl", 6, 8)
    found = run("training", "sft", "--model", run.model, "--data", str(data), "--dev", str(dev), *_SFT)
    assert found["steps"] == 2, found
    run("training", "evaluate", "--model", found["version"], "--data", str(dev), "--no-learned")


def _rlhf(run: Drive) -> None:
    ranked, dev = _rankings(run.work / "ranked.jsonl", 40), _summaries(run.work / "dev.jsonl", 6, 8)
    run("assistant", "feedback", "import", str(ranked))
    # 4 if the judge prefers neither; the candidate is still made.
    found = run("training", "rlhf", "--model", "v1", "--dev", str(dev), *_BRIEF, *_RLHF, codes=(0, 4))
    assert found["version"] == "v2", found
    run("assistant", "models", "use", "v2")
    run("assistant", "models", "why", "current")
    assert run("assistant", "summarize", "--task", "summary", said=_TALK)["model"] == "v2"


def _export(run: Drive) -> None:
    for form in ("merged", "adapter", "ctranslate"):
        run("assistant", "models", "export", "v2", "-o", str(run.work / form), "--form", form)
    check = "\n".join(
        (
            "import sys",
            "from peft import PeftModel",
            "from transformers import AutoModelForSeq2SeqLM as Model, AutoTokenizer",
            "base, adapter, merged, text = sys.argv[1:]",
            "ids = AutoTokenizer.from_pretrained(merged)(text, return_tensors='pt').input_ids",
            "adapted = PeftModel.from_pretrained(Model.from_pretrained(base), adapter).eval()",
            "both = [one(input_ids=ids, labels=ids).logits for one in (adapted, Model.from_pretrained(merged).eval())]",
            "print((both[0] - both[1]).abs().max().item())",
        )
    )
    base = run("assistant", "models", "show", run.model)["folder"]
    places = (base, str(run.work / "adapter"), str(run.work / "merged"))
    done = subprocess.run(
        [sys.executable, "-c", check, *places, _TALK], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert float(done.stdout) < 1e-2, done.stdout
    print(f"  adapter on the base against merged, in stock transformers and peft: {float(done.stdout):.2g}")


def _push(run: Drive) -> None:
    name = f"{USER}/{run.model.rpartition('/')[2]}-dialogsum"
    found = run("assistant", "models", "push", "v2", name, "--data-licence", "DialogSum: CC BY-NC-SA 4.0", "--yes")
    assert found["private"], found
    assert run("assistant", "models", "pull", name)["model"] == name


STEPS: Mapping[str, Callable[[Drive], None]] = {
    "pull": _pull,
    "convert": _convert,
    "exam": _exam,
    "summarize": _summarize,
    "memory": _memory,
    "sft": _sft,
    "rlhf": _rlhf,
    "export": _export,
    "push": _push,
}


def _summaries(path: Path, count: int, first: int = 0) -> Path:
    rows = [
        {
            "dialogue": f"Maya: Is ticket {n} ready?\nTom: Yes, I'll bring it at {n}.",
            "summary": f"Tom brings ticket {n}.",
        }
        for n in range(first, first + count)
    ]
    return _write(path, rows)


def _rankings(path: Path, count: int) -> Path:
    """Rankings that prefer shorter texts, which the reward learns quickly."""
    return _write(
        path,
        [
            {
                "dialogue": f"Maya: Is report {n} ready?\nTom: Yes, I'll bring report {n} to room {n}.",
                "ranking": [
                    [f"Tom brings report {n}."],
                    [f"Maya asks Tom for report {n} and Tom brings it."],
                    [f"Maya asks whether report {n} is ready, and Tom says that he brings it to room {n}."],
                ],
            }
            for n in range(count)
        ],
    )


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def main() -> None:
    """Build the model, unless the folder has it, and run the steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=list(SHAPES), default="google/flan-t5-small")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--shards", type=int, default=1)
    asked = parser.parse_args()
    work = asked.work.resolve()
    made = work / "hub"
    if not (made / "README.md").exists():
        build_flan_shape(made, SHAPES[asked.model], asked.shards)
    print("| | seconds | CPU seconds | peak MiB |\n|---|---|---|---|")
    with running(made, asked.model) as hub:
        run = Drive(work, asked.model, hub.address)
        for step in asked.steps.split(","):
            STEPS[step](run)


if __name__ == "__main__":
    main()
