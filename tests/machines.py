"""Run the default tests as on other machines: one or four threads, an older processor, another user, another Python.

    python -m tests.machines                         every row, the whole default suite; two hours on two cores
    python -m tests.machines --rows avx2 user        some rows
    python -m tests.machines --quick                 the tests that don't train, to try a row

Each row gets a fresh clone of HEAD. Rows with another user or Python install an environment there; the others use the
present one. Prints a Markdown table, and exits with 0 if every row passed. Finished rows are stored in --results (JSON
Lines), and not run again for the same commit, tests and selection.
"""

import argparse
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_OLDER = {
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "CT2_FORCE_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "DNNL_MAX_CPU_ISA": "AVX2",
}
_RANDOM = ("-o", "addopts=--strict-markers --strict-config")
"""Options without the one that disables pytest-randomly."""
_COMPLETE = {0, 1}
"""Pytest's exit codes after a complete run: all passed, or some failed."""


@dataclass(frozen=True)
class Row:
    """One simulated machine: environment variables, pytest arguments, folder, user and Python.

    A row with a user or a Python gets its own environment.
    """

    about: str
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    folder: str = "clone"
    user: str = ""
    python: str = ""


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
    "order1": Row("random order, seed 1", arguments=(*_RANDOM, "--randomly-seed=1")),
    "order2": Row("random order, seed 2", arguments=(*_RANDOM, "--randomly-seed=2")),
    "python3.12": Row("Python 3.12", python="3.12"),
    "python3.13": Row("Python 3.13", python="3.13"),
}


@dataclass(frozen=True)
class Suite:
    """What every row runs. Results of another suite are not reused."""

    commit: str
    marks: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """The result of a row: pytest's exit code and last line, or None and the reason why it was not run."""

    code: int | None
    summary: str
    failed: tuple[str, ...] = ()
    seconds: int = 0

    def line(self) -> str:
        """The result as a cell of the table."""
        if self.code is None:
            return f"not run: {self.summary}"
        return self.summary if self.code in _COMPLETE else f"exit code {self.code}: {self.summary}"


class CannotRun(Exception):
    """This machine lacks what a row needs."""


def run(row: Row, suite: Suite, checkout: Path, processes: int) -> Result:
    """Clone, install if the row needs it, and run the tests."""
    with tempfile.TemporaryDirectory(prefix="machines-") as folder:
        place = Path(folder)
        place.chmod(0o755)  # tests that switch to another user must have access
        clone = place / row.folder
        subprocess.run(["git", "clone", "--quiet", str(checkout), str(clone)], check=True)
        subprocess.run(["git", "-C", str(clone), "checkout", "--quiet", suite.commit], check=True)
        environment = {**os.environ, "PYTHONPATH": str(clone), "TMPDIR": folder, **row.environment}
        prefix: list[str] = []
        try:
            if row.user:
                prefix = _become(row.user, place)
                environment["HOME"] = folder
            python = _install(row, prefix, clone, environment) if row.user or row.python else sys.executable
        except CannotRun as reason:
            return Result(None, str(reason))
        spread = ["-n", str(processes), "--dist", "loadfile", "--no-loadscope-reorder"]
        selection = ["-q", "-m", suite.marks, *spread, *row.arguments, *suite.paths]
        started = time.monotonic()
        done = subprocess.run(
            [*prefix, python, "-m", "pytest", *selection],
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout.strip() or done.stderr.strip() or "nothing said"
        failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
        last = said.splitlines()[-1].strip("= ")
        return Result(done.returncode, last, tuple(failed), round(time.monotonic() - started))


def _become(user: str, place: Path) -> list[str]:
    """Give the folder to the user, and return the prefix that runs a command as that user."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise CannotRun("only root, with setpriv, can become another user")
    account = pwd.getpwnam(user)
    for one in (place, *place.rglob("*")):
        os.chown(one, account.pw_uid, account.pw_gid, follow_symlinks=False)
    # Via env: a program that setpriv starts directly keeps root's right to search every folder.
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "env"]


def _install(row: Row, prefix: Sequence[str], clone: Path, environment: Mapping[str, str]) -> str:
    """Install everything from the lock file in a new environment in the clone, and return its interpreter."""
    version = row.python or "{}.{}".format(*sys.version_info)
    for candidate in _interpreters(version):
        probe = "import ensurepip, sys, venv; print('{}.{}'.format(*sys.version_info))"
        try:
            found = subprocess.run([*prefix, candidate, "-c", probe], cwd=clone, capture_output=True, text=True)
        except OSError:
            continue
        if found.stdout.strip() == version:
            break
    else:
        raise CannotRun(f"no Python {version} here" + (f" that {row.user} may read" if row.user else ""))
    clean = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [*prefix, ".ci/install", candidate, ".venv"], cwd=clone, env=clean, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotRun(f"installing with Python {version} failed: {' '.join(done.stderr.split())[-200:]}")
    return str(clone / ".venv" / "bin" / "python")


def _interpreters(version: str) -> Iterator[str]:
    """Yield possible interpreters of a version: on the path, from pyenv, from uv."""
    for folder in os.get_exec_path():
        if path := shutil.which(f"python{version}", path=folder):
            yield path
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    if os.access(pyenv, os.R_OK | os.X_OK):
        yield from sorted(str(path) for path in pyenv.glob(f"versions/{version}.*/bin/python{version}"))
    if uv := shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()])):
        found = subprocess.run(
            [uv, "python", "find", "--managed-python", "--no-python-downloads", version],
            capture_output=True,
            text=True,
            check=False,
        )
        yield from found.stdout.split("\n")[:1] if found.returncode == 0 else ()


def _kept(results: Path, suite: Suite) -> dict[str, Result]:
    """The finished rows of this suite."""
    known = {}
    for line in results.read_text().splitlines() if results.exists() else []:
        try:
            note = json.loads(line)
            same = Suite(note["commit"], note["marks"], tuple(note["paths"])) == suite
            result = Result(note["code"], note["summary"], tuple(note["failed"]), note["seconds"])
        except (ValueError, KeyError, TypeError):
            continue  # an incomplete line, or one of another version
        if same and result.code in _COMPLETE:
            known[note["row"]] = result
    return known


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows without a stored result, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), help="which rows")
    parser.add_argument("--quick", action="store_true", help="only the tests that don't train")
    parser.add_argument("--tests", nargs="+", default=[], help="files or folders, instead of all tests")
    parser.add_argument("--processes", type=int, default=4, help="that run tests at once")
    parser.add_argument("--checkout", type=Path, default=_ROOT, help="whose HEAD is tested")
    parser.add_argument("--results", type=Path, default=Path(tempfile.gettempdir()) / "machines.jsonl")
    options = parser.parse_args(arguments)
    head = subprocess.check_output(["git", "-C", str(options.checkout), "rev-parse", "HEAD"], text=True).strip()
    marks = "not slow and not trains" if options.quick else "not slow"
    suite = Suite(head, marks, tuple(options.tests))
    known = _kept(options.results, suite)
    for name in options.rows:
        if name not in known:
            known[name] = result = run(ROWS[name], suite, options.checkout, options.processes)
            with options.results.open("a") as stream:
                stream.write(json.dumps({"row": name, **asdict(suite), **asdict(result)}) + "\n")
            print(f"{name}: {result.line()}", file=sys.stderr, flush=True)
    print(f"Commit {head[:10]}, `-m '{marks}'` {' '.join(suite.paths)}\n\n| machine | result | failed |\n|---|---|---|")
    for name in options.rows:
        print(f"| {ROWS[name].about} | {known[name].line()} | {', '.join(known[name].failed) or '-'} |")
    return 0 if all(known[name].code == 0 for name in options.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
