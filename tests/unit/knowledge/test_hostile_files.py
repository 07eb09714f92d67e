"""A folder of hostile files, added in a process with little memory: each is read or refused with a line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile_files import FILES, write_folder

_ADD = """
import json, resource, sys
from pathlib import Path
from knowledge.library import Library
from tests.unit.knowledge.embedders import WordEmbedder
resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
library = Library(Path(sys.argv[1]), WordEmbedder)
library.add([Path(sys.argv[2])])
print(json.dumps({Path(file.path).name: [file.reason, file.passages] for file in library.files()}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, int]]:
    """The reason why each file was skipped, and its passages."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, file in FILES.items():
        (folder / name).write_bytes(file.make())
    write_folder(folder)
    command = [sys.executable, "-c", _ADD, str(tmp_path_factory.mktemp("knowledge")), str(folder)]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == 0, done.stderr
    result: dict[str, tuple[str, int]] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_read_or_refused_with_a_line(name: str, found: dict[str, tuple[str, int]]) -> None:
    reason, passages = found[name]
    assert "\n" not in reason
    assert FILES[name].reason in reason
    assert bool(reason) == bool(FILES[name].reason) != bool(passages)


def test_a_hostile_folder_is_read_to_its_end(found: dict[str, tuple[str, int]], tmp_path: Path) -> None:
    for name, reason in write_folder(tmp_path).items():
        assert reason in found[name][0]
    assert found["found.txt"] == ["", 1]
    assert not any(name.startswith("again") and "." not in name for name in found)
