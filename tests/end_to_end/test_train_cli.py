"""`assistant-train` as a person runs it: in a process of its own, interrupted, resumed, judged."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

_TINY = (
    *("--pieces", "400", "--width", "16", "--heads", "2", "--feed-forward", "32", "--no-warm-start"),
    *("--encoder-layers", "1", "--decoder-layers", "1", "--batch-tokens", "600", "--warmup-steps", "2"),
)
_THINGS = ["report", "window", "ticket", "garden", "letter", "bridge"]


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "training", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [
        {
            "id": str(number),
            "dialogue": f"#Person1#: Where is the {thing}?\n#Person2#: The {thing} is at number {number}.",
            "summary": f"#Person1# asks #Person2# for the {thing} at {number}.",
        }
        for number, thing in enumerate(_THINGS * 4)
    ]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def reach(process: subprocess.Popen[str], moment: str) -> None:
    """Wait until the process imports torch, or until it writes a line that begins so."""
    if moment == "imports":
        maps = Path(f"/proc/{process.pid}/maps")
        while process.poll() is None and "libtorch" not in maps.read_text():
            time.sleep(0.01)
        return
    assert process.stderr is not None
    lines = []
    while process.poll() is None and not (lines and lines[-1].startswith(moment)):
        lines.append(process.stderr.readline())
    assert process.poll() is None, lines


def test_sft_that_is_stopped_while_it_imports_says_so_and_leaves_nothing(data: Path, home: Path) -> None:
    process = start("sft", "--data", str(data), "--model", "pocket")
    reach(process, "imports")
    process.send_signal(signal.SIGTERM)
    code, out, err = finish(process)
    assert (code, out, err.count("\n")) == (130, "", 1), err
    assert err.startswith("assistant-train: stopped")
    assert not list(home.rglob("manifest.json"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sft_is_stopped_wherever_it_is_and_goes_on(data: Path, home: Path, number: signal.Signals) -> None:
    """While the model is read, between updates, and while summaries are judged; each time `--resume` goes on."""
    words = ("--max-steps", "30", "--save-every", "7", "--batch-size", "2", "--threads", "1", "--judge", "2")
    process = start("sft", "--data", str(data), "--model", "pocket", "--forgetting-cases", "3", *words)
    moments = ["sft: 2", "sft: step 1, 3%, loss", "sft: step 30, 100%, loss"]
    steps = []
    for moment in moments:
        reach(process, moment)
        process.send_signal(number)
        code, out, err = finish(process)
        assert (code, out) == (130, ""), err
        assert "Traceback" not in err
        found = sorted(home.rglob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
        steps.append(found[-1].name if found else "")
        process = start("sft", "--resume", *(["--json"] if moment == moments[-1] else []))
    assert steps[0] == ""
    assert steps[1] != "checkpoint-30"
    assert steps[2] == "checkpoint-30"
    code, out, err = finish(process)
    assert code == 0, err
    made = json.loads(out)
    assert (made["steps"], made["version"]) == (30, "v1")
    assert len(list(home.rglob("manifest.json"))) == 1  # the same run all the while


@pytest.mark.slow
def test_pocket_is_interrupted_resumed_and_then_judged(data: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    length = ("--max-steps", "150", "--log-every", "1", "--save-every", "50")
    process = start("pocket", "--data", str(data), "-o", str(model), *_TINY, *length)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("pocket: step 1, 1%, loss")
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert (code, out) == (130, "")
    assert not model.exists()
    assert "--resume pocket-" in err
    assert "Traceback" not in err

    # Data, settings and place come from the run.
    code, out, err = finish(start("pocket", "--resume", "--json"))
    assert code == 0, err
    made: dict[str, Any] = json.loads(out)
    assert (made["steps"], made["model"]) == (150, str(model))
    assert {"model.safetensors", "tokenizer.json", "README.md", "ctranslate"} <= {p.name for p in model.iterdir()}

    assert f"| rouge1, n = 2 | {made['judged']['rouge1']:.3g} [" in (model / "README.md").read_text()

    code, out, _ = finish(start("runs", "--json"))
    (run,) = json.loads(out)
    assert (run["name"], run["state"], run["step"]) == (made["run"], "finished", 150)
    assert run["dev"]["dev_loss"] == pytest.approx(made["dev_loss"])

    written = tmp_path / "written.jsonl"
    settings = ("--decoding", "greedy", "--max-new-tokens", "8", "--backend", "ctranslate")
    code, out, err = finish(
        start("evaluate", "--data", str(data), "--model", str(model), *settings, "-o", str(written), "--json")
    )
    assert code == 0, err
    assert json.loads(out)["n"] == len(written.read_text().splitlines()) == 24
