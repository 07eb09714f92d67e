"""A model of FLAN-T5 base's shape in the place of the real one, through the commands alone: pulled from a server that
speaks the Hub's protocol, converted, compared, asked.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.models.registry import resolve
from assistant.settings import Settings
from tests.flan_shape import SHAPES, build_flan_shape
from tests.hub import Hub, serving

_REF = "google/flan-t5-base"
_TALK = "Maya: The review moves to Friday.\nTom: I'll book room 4.\nMaya: Thank you, Tom."
# 247,577,856 in the original (Hugging Face's count): the embedding and the output layer, 12 + 12 layers.
_PARAMETERS = 247_577_856

pytestmark = pytest.mark.slow


@pytest.fixture
def hub(tmp_path: Path, localhost_network: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(build_flan_shape(tmp_path / "made", SHAPES[_REF]), monkeypatch, _REF) as server:
        yield server


def assistant(*arguments: str, said: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "assistant", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, input=said, check=False, env=os.environ)
    assert done.returncode == code, done.stderr
    return done


def told(*arguments: str, said: str = "") -> Any:
    return json.loads(assistant(*arguments, "--json", said=said).stdout)


def test_a_model_of_the_base_s_shape_is_pulled_converted_compared_and_asked(hub: Hub) -> None:
    # The network goes away half-way, and again at the second try of the library.
    hub.cut, hub.breaks = len(hub.files["model.safetensors"]) // 2, True
    broken = assistant("models", "pull", _REF, code=3)
    assert broken.stderr.count("\n") == 1
    assert "pull again" in broken.stderr
    assert told("summarize", said=_TALK)["model"] == "pocket"

    hub.cut, hub.breaks = None, False
    hub.ranges.clear()
    pulled = told("models", "pull", _REF)
    assert hub.ranges, "the second pull asked for the rest"
    # The conversion serves only after its probabilities were compared with transformers': 1e-3 nats a token as float32,
    # 0.1 as int8.
    assert Path(pulled["converted"], "model.bin").stat().st_size < 300e6
    assert told("models", "convert", _REF)["converted"] == pulled["converted"], "made once"
    (model,) = (row for row in told("models", "list") if row["ref"] == _REF)
    assert (model["serving"], model["kind"], model["window"], model["licence"]) == (True, "hub", 512, "apache-2.0")
    assert model["parameters"] == _PARAMETERS
    assert resolve(_REF, Settings()).folder == pulled["folder"]

    # It answers without being named, since it is the base that the settings name.
    answer = told("summarize", "--words", "12", said=_TALK)
    assert (answer["model"], answer["backend"]) == (_REF, "ctranslate")
    assert answer["summary"]
    few = told("summarize", "--mode", "few-shot", "--max-new-tokens", "8", said=_TALK)
    assert answer["prompt_tokens"] < few["prompt_tokens"] <= 512
    long = told("summarize", "--max-new-tokens", "8", "--decoding", "greedy", said=f"{_TALK}\n" * 40)
    assert (long["turns"], long["parts"] > 1) == (120, True)
    slow = told("summarize", "--backend", "transformers", "--max-new-tokens", "8", said=_TALK)
    assert (slow["model"], slow["backend"]) == (_REF, "transformers")
