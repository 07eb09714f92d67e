"""Fixtures for the tests of PPO: a T5 with 60,000 random parameters, and prompts for it."""

import json
from pathlib import Path

import pytest

from tests.tiny_models import build_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "prompts.jsonl"
    rows = [{"prompt": f"Maya: The review {n} moves to Friday." + " Yes." * (n % 7)} for n in range(24)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
