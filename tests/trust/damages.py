"""Faults: a file is half-written, or from a newer version."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from tests.trust import injections
from tests.trust.bench import Bench, Fault
from tests.trust.commands import Ended, call


def damaged(kind: str, *patterns: str, then: tuple[str, ...]) -> Callable[[Bench], Fault]:
    """A fault that damages a matching file, runs commands that use it, and restores the backup."""

    def scenario(bench: Bench) -> Fault:
        home = bench.home()
        files = sorted(path for pattern in patterns for path in home.glob(pattern) if path.is_file())
        path = bench.chance.choice(files)
        if path.stat().st_nlink > 1:
            content = path.read_bytes()
            path.unlink()
            path.write_bytes(content)
        if path.name.endswith(".db"):
            _settle(path)
        how = injections.damage(path, bench.chance)
        fault = Fault(f"{kind} {path.relative_to(home)} {how}")
        for command in bench.commands():
            bench.works_or_says(fault, call(command, home))
        bench.works_or_says(fault, call([word.replace("HOME", str(home)) for word in then], home))
        if "runs" not in path.parts:
            bench.restored(fault, home)
        return fault

    return scenario


def _settle(path: Path) -> None:
    """Write the database's log into the file, so that the damage hits the file itself."""
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def future(bench: Bench) -> Fault:
    """Files of a newer version must be refused with a message, and left as they are."""
    home = bench.home()
    kind = bench.chance.choice(["store", "catalog", "backup", "version", "settings", "restoring"])
    fault = Fault(f"from the future: {kind}")
    if kind in ("store", "catalog"):
        path = home / "data" / ("store.db" if kind == "store" else "knowledge/catalog.db")
        with sqlite3.connect(path) as database:
            database.execute(f"PRAGMA user_version = {bench.chance.randrange(50, 1000)}")
        database.close()
        command = ["history"] if kind == "store" else ["knowledge", "list"]
        ended = call(command, home)
        fault.require(ended.code and "newer" in ended.err, f"not refused: {ended.complaint[:200]}")
        with sqlite3.connect(path) as database:
            fault.require(database.execute("PRAGMA user_version").fetchone()[0] >= 50, "it was changed")
        database.close()
        return _end_of_future(bench, fault, ended, home)
    if kind == "backup":
        import zipfile

        path = home / "new.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("manifest.json", '{"format":7,"product":"parley","version":"9","created":"","members":[]}')
        ended = call(["restore", str(path)], home)
    elif kind == "version":
        (home / "data/models/v2/version.json").write_text('{"format": 9, "base": {"new": "shape"}}')
        ended = call(["models", "use", "v2", "--json"], home)
    elif kind == "settings":
        (home / "config/config.toml").write_text("[holograms]\ndepth = 3\n")
        ended = call(["config", "show"], home)
    else:
        (home / "data/restoring.json").write_text('{"plan": "of another kind"}')
        ended = call(["history"], home)
        (home / "data/restoring.json").unlink(missing_ok=True)
    fault.require(ended.code, f"not refused: {kind}")
    return _end_of_future(bench, fault, ended, home)


def _end_of_future(bench: Bench, fault: Fault, ended: Ended, home: Path) -> Fault:
    bench.works_or_says(fault, ended)
    bench.restored(fault, home)
    return fault
