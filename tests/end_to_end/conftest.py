"""Fixtures for the end-to-end tests."""

from pathlib import Path

import pytest

from tests.end_to_end.command_line import TALK


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.txt"
    path.write_text(TALK, encoding="utf-8")
    return path
