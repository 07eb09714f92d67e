"""`assistant models pull`: what it says, and what Ctrl+C leaves."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.locations import models_dir
from tests.hub import Hub, serving

_COMMAND = [sys.executable, "-m", "assistant", "models", "pull", "org/tiny"]


@pytest.fixture
def hub(tiny_model: Path, localhost_network: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    with serving(tiny_model, monkeypatch) as server:
        yield server


def test_ctrl_c_keeps_what_is_here_and_the_same_command_goes_on(hub: Hub) -> None:
    hub.hold = threading.Event()
    with subprocess.Popen(_COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as pulling:
        while pulling.poll() is None and not any(path.stat().st_size for path in _parts()):
            time.sleep(0.05)
        pulling.send_signal(signal.SIGINT)
        _, said = pulling.communicate()
    hub.hold.set()
    assert pulling.returncode == 130, said
    assert said.splitlines()[-1].endswith("are here; run the same command to continue")
    assert said.splitlines()[0].startswith("org/tiny: 0 MB · apache-2.0")

    hub.hold = None
    hub.ranges.clear()
    done = subprocess.run([*_COMMAND, "--json"], capture_output=True, text=True, check=True)
    assert hub.ranges, "the rest alone was asked for"
    told = json.loads(done.stdout)
    whole = sum(len(body) for name, body in hub.files.items() if name != "pytorch_model.bin")
    assert (told["model"], told["bytes"]) == ("org/tiny", whole)
    assert told.keys() >= {"folder", "converted", "licence"}


def _parts() -> list[Path]:
    return [path for path in (models_dir() / ".pulling").glob("*/model.safetensors.*.part") if path.exists()]
