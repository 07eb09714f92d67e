"""Two processes that tune together make the update of one with twice the batch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.locations import home
from tests.tiny_models import LESSONS, build_tiny_model

ROOT = Path(__file__).parents[3]
_TUNE = """
import sys
from training import cli
sys.exit(cli.run(sys.argv[1:]))
"""


@pytest.mark.slow
def test_two_processes_make_the_updates_of_one_with_twice_the_batch(tmp_path: Path) -> None:
    model = build_tiny_model(tmp_path / "tiny")
    rows = [
        {"dialogue": f"{dialogue}\nMaya: That is part {i}.", "summary": summary}
        for i, (dialogue, summary) in enumerate(list(LESSONS.items()) * 6)
    ]
    data = tmp_path / "train.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    script = tmp_path / "tune.py"
    script.write_text(_TUNE)
    words = [
        "sft",
        f"--data={data}",
        f"--model={model}",
        "--max-steps=2",
        "--save-every=1",
        "--log-every=1",
        "--judge=0",
    ]
    words += ["--show-every=0", "--threads=1", "--json"]
    alone = [sys.executable, str(script), *words, "--batch-size=4"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    together = [*torchrun, str(script), *words, "--batch-size=2"]
    losses = []
    for command in (alone, together):
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=500
        )
        assert done.returncode == 0, done.stderr[-2000:]
        answers = [line for line in done.stdout.splitlines() if line.startswith("{")]
        assert len(answers) == 1  # the leading process answers for all
        place = home()
        assert place is not None
        metrics = place / "state" / "runs" / json.loads(answers[0])["run"] / "metrics.jsonl"
        found = [json.loads(line) for line in metrics.read_text().splitlines()]
        losses.append([row[name] for row in found for name in ("loss", "dev_loss") if name in row])
    # Two updates of 11 examples: at the end of a pass the library fills the last one up where processes share it.
    assert len(losses[0]) == len(losses[1]) > 4
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
