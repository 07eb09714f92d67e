"""Add hostile files to a knowledge base, each in its own process, and a folder of 2,000 small files of many kinds.

Prints the result of each, and the processor time and peak resident memory of the process without its reader.

    python -m tests.trust.hostile_files [NAME …]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from knowledge.library import Library
from tests.hostile_files import FILES, LARGE
from tests.unit.knowledge.embedders import WordEmbedder
from tests.unit.knowledge.samples import SAMPLES

MOST_MEMORY = 3 * 2**30
_MIXED = "2,000 files"
_EVERY = {**FILES, **{f"large {name}": file for name, file in LARGE.items()}}


def main() -> int:
    """Add each file, print a line for it, and return the number of wrong results."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("names", nargs="*", default=[*_EVERY, _MIXED])
    wrong = 0
    for name in reader.parse_args().names:
        with tempfile.TemporaryDirectory() as folder:
            _write(name, Path(folder))
            command = [sys.executable, "-m", "tests.trust.hostile_files", "--add", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = json.loads(done.stdout) if done.returncode == 0 else {"reasons": [done.stderr[-200:]], "passages": 0}
        expected = _EVERY[name].reason if name in _EVERY else ""
        is_right = done.returncode == 0 and all(expected in reason and "\n" not in reason for reason in said["reasons"])
        is_right = is_right and bool(said["passages"]) != bool(expected)
        wrong += not is_right
        print(f"{'right' if is_right else 'WRONG'}  {name:22} {json.dumps(said)}", flush=True)
    return wrong


def _write(name: str, folder: Path) -> None:
    if name != _MIXED:
        (folder / name.removeprefix("large ")).write_bytes(_EVERY[name].make())
        return
    kinds = sorted(SAMPLES)
    for number in range(2_000):
        place = folder / str(number % 7)
        place.mkdir(exist_ok=True)
        kind = kinds[number % len(kinds)]
        # Different content in each, since files with the same content are read only once.
        own = f" {number}".encode() if kind in {".txt", ".md", ".log"} else b""
        (place / f"{number}{kind}").write_bytes(SAMPLES[kind] + own)


def _add(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    with tempfile.TemporaryDirectory() as place:
        library = Library(Path(place), WordEmbedder)
        result = library.add([folder])
        library.close()
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    used = resource.getrusage(resource.RUSAGE_SELF)
    facts = {"MiB": peak >> 10, "seconds": round(used.ru_utime + used.ru_stime, 1), "passages": result.passages}
    print(json.dumps({**facts, "reasons": [skipped.reason for skipped in result.skipped]}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--add"]:
        _add(Path(sys.argv[2]))
    else:
        sys.exit(main())
