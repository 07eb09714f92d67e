"""Runs the default tests as other machines would: one thread or four, an older processor, another user, another locale.

    python -m tests.machines                         every row, the whole default suite; two hours on two cores
    python -m tests.machines --rows avx2 user        some rows
    python -m tests.machines --quick                 the tests that don't train, to try a row

Each row gets a fresh clone of this checkout's HEAD and uses this environment's packages. Prints a Markdown table. A row
that is done is kept in --results (JSON Lines) and not run again until that file goes.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_OLDER = {
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "CT2_FORCE_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "DNNL_MAX_CPU_ISA": "AVX2",
}
_RANDOM = ("-o", "addopts=--strict-markers --strict-config", "-p", "randomly")


@dataclass(frozen=True)
class Row:
    """One machine: what is set in the environment, what pytest is told, and where and as whom it runs."""

    about: str
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    folder: str = "clone"
    user: str = ""


ROWS = {
    "default": Row("as it is"),
    "one": Row("1 thread", {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}),
    "four": Row("4 threads", {"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4"}),
    "avx2": Row("no AVX-512, no VNNI", _OLDER),
    "user": Row("another user than root", user="nobody"),
    "path": Row("a path with a space and an umlaut", folder="ein Ordner für Tests"),
    "locale": Row("LC_ALL=C", {"LC_ALL": "C"}),
    "zone": Row("TZ=Pacific/Auckland", {"TZ": "Pacific/Auckland"}),
    "hash1": Row("PYTHONHASHSEED=1", {"PYTHONHASHSEED": "1"}),
    "hash2": Row("PYTHONHASHSEED=2", {"PYTHONHASHSEED": "2"}),
    "order1": Row(
        "random order, seed 1", arguments=(*_RANDOM, "-p", "no:cacheprovider", "-p", "xdist", "--randomly-seed=1")
    ),
    "order2": Row(
        "random order, seed 2", arguments=(*_RANDOM, "-p", "no:cacheprovider", "-p", "xdist", "--randomly-seed=2")
    ),
}


def run(row: Row, marks: str, paths: list[str]) -> tuple[str, list[str], float]:
    """Pytest's last line, the failed tests, and the seconds that it took."""
    with tempfile.TemporaryDirectory(prefix="machines-") as place:
        clone = Path(place) / row.folder
        subprocess.run(["git", "clone", "--quiet", str(_ROOT), str(clone)], check=True)
        environment = {**os.environ, "PYTHONPATH": str(clone), "TMPDIR": place, **row.environment}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-m",
            marks,
            "-n",
            "2",
            "--dist",
            "loadfile",
            *row.arguments,
            *paths,
        ]
        if row.user:
            for one in (Path(place), *Path(place).rglob("*")):
                shutil.chown(one, row.user)
            environment |= {"HOME": place}
            command = ["setpriv", f"--reuid={row.user}", "--clear-groups", *command]
        started = time.monotonic()
        done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
        if "Permission denied: '" + sys.executable in done.stdout + done.stderr:
            return "not run: this user may not read the interpreter", [], 0.0
        lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or ["nothing said"]
        failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
        return lines[-1].strip("= "), failed, time.monotonic() - started


def main() -> int:
    """Run the rows that are not done yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), help="which rows")
    parser.add_argument("--quick", action="store_true", help="only the tests that don't train")
    parser.add_argument("--results", type=Path, default=Path(tempfile.gettempdir()) / "machines.jsonl")
    parser.add_argument("paths", nargs="*", help="tests, instead of all")
    options = parser.parse_args()
    marks = "not slow and not trains" if options.quick else "not slow"
    done = [json.loads(line) for line in options.results.read_text().splitlines()] if options.results.exists() else []
    known = {row["row"]: row for row in done}
    for name in options.rows:
        if name not in known:
            summary, failed, seconds = run(ROWS[name], marks, options.paths)
            known[name] = {"row": name, "summary": summary, "failed": failed, "seconds": round(seconds)}
            with options.results.open("a") as stream:
                stream.write(json.dumps(known[name]) + "\n")
            print(f"{name}: {summary}", file=sys.stderr)
    print("| machine | result | failed |\n|---|---|---|")
    for name in options.rows:
        print(f"| {ROWS[name].about} | {known[name]['summary']} | {', '.join(known[name]['failed']) or '-'} |")
    return 1 if any(known[name]["failed"] for name in options.rows) else 0


if __name__ == "__main__":
    sys.exit(main())
