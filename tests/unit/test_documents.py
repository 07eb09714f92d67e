"""Pages made from the code are what the code says, and the package carries every file that it needs."""

import fnmatch
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("script", ["reference.py", "licences.py"])
def test_a_page_made_from_the_code_is_up_to_date(script: str) -> None:
    command = [sys.executable, str(_ROOT / "docs" / script), "--check"]
    assert subprocess.run(command, cwd=_ROOT, check=False).returncode == 0, "run `make docs`"


def test_every_file_of_the_packages_is_packed() -> None:
    """A file that no pattern of package-data names is missing from the wheel, and found only after an installation."""
    patterns = _PROJECT["tool"]["setuptools"]["package-data"]
    missing = []
    for package in ("assistant", "knowledge", "training"):
        for file in (_ROOT / package).rglob("*"):
            if not file.is_file() or file.suffix in {".py", ".pyc"}:
                continue
            homes = [folder for folder in file.parents if (folder / "__init__.py").exists()]
            name = ".".join(homes[0].relative_to(_ROOT).parts)
            known = [*patterns["*"], *patterns.get(name, [])]
            inside = str(file.relative_to(homes[0]))
            if not any(
                fnmatch.fnmatch(inside, pattern) and inside.count("/") == pattern.count("/") for pattern in known
            ):
                missing.append(file.relative_to(_ROOT))
    assert missing == []


def test_a_plain_installation_brings_no_trainer() -> None:
    heavy = {"torch", "transformers", "peft", "trl", "accelerate", "datasets", "sentence-transformers"}
    plain = {re.split(r"[<>=\[]", line)[0] for line in _PROJECT["project"]["dependencies"]}
    train = {re.split(r"[<>=\[]", line)[0] for line in _PROJECT["project"]["optional-dependencies"]["train"]}
    assert not plain & heavy
    assert heavy <= train
    assert "parley-assistant[train]" in _PROJECT["project"]["optional-dependencies"]["dev"]  # what `make` installs


def _named_in_trust() -> list[str]:
    """Tests and files of tests that the page of promises names; "…" stands for the rest of a long name."""
    page = (_ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return sorted(set(re.findall(r"`((?:tests/)?[\w/]*test_\w+(?:\.py|…)?|tests/[\w/]+\.\w+)`", page)))


@pytest.mark.parametrize("name", _named_in_trust())
def test_every_test_that_a_promise_names_is_there(name: str) -> None:
    if "." in name:
        assert [path for path in (_ROOT / "tests").rglob(Path(name).name) if str(path).endswith(name)]
        return
    start = f"def {name.removesuffix('…')}" + ("" if name.endswith("…") else "(")
    assert any(start in path.read_text(encoding="utf-8") for path in (_ROOT / "tests").rglob("test_*.py"))


def test_the_page_of_promises_names_tests() -> None:
    assert len(_named_in_trust()) >= 12
