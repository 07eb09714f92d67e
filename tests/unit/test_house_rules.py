"""The rules of the house that no linter knows."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PRODUCT = sorted(
    path for package in ("assistant", "knowledge", "training") for path in (_ROOT / package).rglob("*.py")
)
LONGEST = 400
"""Lines in a file."""
FULLEST = 15
"""Modules in a folder, beside its `__init__`."""
_HEAVY = ("torch", "transformers", "peft", "sentence_transformers", "datasets", "evaluate", "accelerate")


@pytest.mark.parametrize("path", _PRODUCT, ids=lambda path: str(path.relative_to(_ROOT)))
def test_a_file_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST, "split it by noun"
    assert not text or text.startswith('"""'), "a module starts with a sentence that says what it is"


def test_no_file_of_tests_is_long() -> None:
    tests = {str(path.relative_to(_ROOT)): path for path in sorted((_ROOT / "tests").rglob("*.py"))}
    long = [name for name, path in tests.items() if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST]
    assert set(long) <= {"tests/unit/training/pocket/test_stage.py"}


def test_no_test_asserts_how_long_something_takes() -> None:
    timed = re.compile(r"assert\b.*\b(?:monotonic|perf_counter|process_time|time)\(\) - .*<")
    lines = {
        f"{path.relative_to(_ROOT)}: {line.strip()}"
        for path in (_ROOT / "tests").rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if timed.search(line)
    }
    assert not lines, "other machines are slower, and busy: measure it in tests/benchmarks"


def test_no_folder_holds_more_modules_than_a_reader_keeps_in_mind() -> None:
    folders = Counter(path.parent for path in _PRODUCT if path.stem != "__init__")
    full = {str(folder.relative_to(_ROOT)): count for folder, count in folders.items() if count > FULLEST}
    assert not full, "divide it by what its modules do"


def test_no_drawer_is_called_utils() -> None:
    banned = {"utils", "helpers", "helper", "common", "misc", "manager"}
    assert not [path for path in _PRODUCT if path.stem in banned]


# The registry knows it, and what trains it is called after it; example lines of `--help` are no code.
_NAME_POCKET = (
    "assistant/models/registry.py",
    "training/cli/stages.py",
    "training/pocket/stage.py",
    "training/runs/curves.py",
)


def test_no_code_but_the_registry_s_knows_the_bundled_model_by_name() -> None:
    def names_it(path: Path) -> bool:
        return any(
            isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower() == "pocket"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )

    assert [str(found) for path in _PRODUCT if names_it(path) and (found := path.relative_to(_ROOT))] == list(
        _NAME_POCKET
    )


def _imported_by(statement: str) -> set[str]:
    """The top-level names in sys.modules after running the statement in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=_ROOT)
    return set(done.stdout.split())


def test_no_module_of_the_assistant_or_of_knowledge_imports_a_heavy_library() -> None:
    modules = [
        ".".join(path.relative_to(_ROOT).with_suffix("").parts)
        for path in _PRODUCT
        if path.parts[len(_ROOT.parts)] in ("assistant", "knowledge") and path.stem not in ("__main__", "__init__")
    ]
    assert not set(_HEAVY) & _imported_by("\n".join(f"import {module}" for module in modules))


def test_opening_the_app_imports_neither_an_engine_library_nor_the_store_s_readers() -> None:
    assert not {"ctranslate2", "numpy", "faiss", *_HEAVY} & _imported_by("import assistant.tui.app")
