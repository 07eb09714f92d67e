"""The script that tests as other machines would: what it counts as passed, and what it runs again."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import machines

GREEN = "def test_one(): pass\ndef test_two(): pass\n"
RED = "def test_one(): pass\ndef test_two(): assert 0\n"


def _commit(checkout: Path, tests: str) -> None:
    (checkout / "test_it.py").write_text(tests)
    git = ["git", "-C", str(checkout), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "Try"], check=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with two tests that pass."""
    folder = tmp_path / "repository"
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    _commit(folder, GREEN)
    return folder


@pytest.fixture
def ask(checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> object:
    """Run the script on that repository; its exit code, table and news."""

    def run(*arguments: str) -> tuple[int, str, str]:
        where = [f"--checkout={checkout}", f"--results={tmp_path / 'results.jsonl'}", "--processes=0"]
        code = machines.main([*where, *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_result_counts_for_its_commit_and_selection_alone(ask, checkout: Path) -> None:  # type: ignore[no-untyped-def]
    code, table, news = ask("--rows", "default")
    assert code == 0
    assert "| as it is | 2 passed in" in table
    assert ask("--rows", "default") == (0, table, "")  # kept
    assert "2 passed" in ask("--rows", "default", "--quick")[2]  # another selection runs
    assert "1 passed" in ask("--rows", "default", "--tests", "test_it.py::test_one")[2]
    _commit(checkout, RED)
    code, table, news = ask("--rows", "default")
    assert code == 1
    assert "1 failed, 1 passed" in news
    assert "test_it.py::test_two |" in table
    assert ask("--rows", "default") == (1, table, "")


def test_no_tests_are_no_success_and_run_again(ask, checkout: Path) -> None:  # type: ignore[no-untyped-def]
    _commit(checkout, "")
    for _ in range(2):
        code, table, news = ask("--rows", "default")
        assert code == 1
        assert "exit code 5: no tests ran" in news
        assert "| exit code 5: no tests ran" in table


def test_a_row_that_cannot_run_says_why(ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    # A version that nobody has: the interpreters that are found are asked, not believed.
    pretender = tmp_path / "bin" / "python3.99"
    pretender.parent.mkdir()
    pretender.symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(pretender.parent), prepend=":")
    monkeypatch.setitem(machines.ROWS, "python3.12", machines.Row("Python 3.99", python="3.99"))
    code, table, _ = ask("--rows", "python3.12")
    assert code == 1
    assert "| Python 3.99 | not run: no Python 3.99 here | - |" in table
