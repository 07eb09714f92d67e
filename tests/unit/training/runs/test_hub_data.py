"""Data sets of the Hub, from a server on this machine that has one as DialogSum lies there: three CSV files."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub import Hub, serving

_ID = "knkarthick/dialogsum"
_COUNTS = {"train": 12, "validation": 3, "test": 2}


@pytest.fixture
def hub(tiny_model: Path, localhost_network: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[4]))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    with serving(tiny_model, monkeypatch) as server:
        server.data_sets[_ID] = {f"{split}.csv": _table(split, count) for split, count in _COUNTS.items()}
        yield server


def _table(split: str, count: int) -> bytes:
    rows = [f'{split}_{n},"#Person1#: Is it {n}?\n#Person2#: Yes.",It is {n} in {split}.,numbers' for n in range(count)]
    return "\n".join(["id,dialogue,summary,topic", *rows, ""]).encode()


def train(*words: str, code: int = 0) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "training", *words, "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_splits_are_fetched_once_and_read_without_the_network_afterwards(
    hub: Hub, tiny_model: Path, home: Path
) -> None:
    asked = ("--model", str(tiny_model), "--download", "--max-steps", "1", "--judge", "0", "--forgetting-cases", "0")
    train("sft", "--data", _ID, "--dev", f"{_ID}:validation", *asked)
    rows = [len(path.read_bytes().splitlines()) for path in (home / "state" / "data").iterdir()]
    assert sorted(rows) == [3, 12]

    hub.data_sets.clear()
    judged = train("evaluate", "--data", f"{_ID}:test", "--model", "lead-1", "--no-learned")
    assert judged["n"] == 2
    refused = train("evaluate", "--data", f"{_ID}:spring", "--model", "lead-1", code=2)
    assert "knkarthick/dialogsum: Unknown split" in refused["error"]
    assert "'validation'" in refused["error"]
