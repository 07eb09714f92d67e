"""The faults: SCENARIOS names each with its share of the whole."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.trust import injections, world
from tests.trust.bench import Bench, Fault
from tests.trust.commands import TRAINER, Ended, Running, call


@dataclass(frozen=True)
class Scenario:
    """A fault to inject and how often, relative to the others."""

    run: Callable[[Bench], Fault]
    weight: int


def rate(bench: Bench) -> tuple[list[str], list[str]]:
    """A rating's command, and its row once it is acknowledged."""
    answer = f"c{bench.chance.randrange(4, world.COMPLETIONS)}"
    return ["rate", answer, "up", "--json"], [world.RATER, answer, "up"]


# Kills.


def kill_rating(bench: Bench) -> Fault:
    fault, home = Fault("kill -9 in `rate`"), bench.home()
    command, row = rate(bench)
    ended = bench.killed(command, home)
    fault.struck = ended.code is None
    bench.check(fault, home, added=[row] if ended.out.strip() else [])
    return fault


def kill_import(bench: Bench) -> Fault:
    fault, home = Fault("kill -9 in `feedback import`"), bench.home()
    pairs = "".join(f'{{"dialogue":"A: {n}\\nB: yes","chosen":"good {n}","rejected":"bad {n}"}}\n' for n in range(60))
    (home / "pairs.jsonl").write_text(pairs)
    command = ["feedback", "import", str(home / "pairs.jsonl"), "--json"]
    ended = Running(command, home).kill_after(bench.chance.uniform(0, 0.5))
    fault.struck = ended.code is None
    bench.check(fault, home)
    with sqlite3.connect(home / "data" / "store.db") as database:
        (rankings,) = database.execute("SELECT count(*) FROM judgements WHERE kind = 'ranking'").fetchone()
    database.close()
    fault.require(rankings in (0, 60), f"half an import was kept: {rankings} of 60")
    return fault


def kill_backup(bench: Bench) -> Fault:
    fault, home = Fault("kill -9 in `backup`"), bench.home()
    path = home / "mine.zip"
    ended = bench.killed(["backup", str(path), "--json"], home)
    fault.struck = ended.code is None
    if path.exists():
        bench.answers(fault, ["restore", str(path), "--check"], home)
    else:
        fault.require(ended.code is None, "a backup that was acknowledged is not there")
    bench.check(fault, home)
    return fault


def kill_restore(bench: Bench) -> Fault:
    fault, home = Fault("kill -9 in `restore`"), bench.home()
    command, row = rate(bench)
    fault.require(call(command, home).code == 0, "could not rate")
    (home / "config" / "config.toml").write_text('[prompt]\nmode = "one-shot"\n')
    ended = bench.killed(["restore", str(bench.world / "backup.zip"), "--json"], home)
    fault.struck = ended.code is None
    shown = bench.answers(fault, ["config", "show", "--json"], home)  # finishes what was begun
    restored = '"prompt.mode": "few-shot"' in shown.out
    fault.require(restored or ended.code is None, "an acknowledged restore is not there")
    bench.check(fault, home, added=[] if restored else [row])
    if restored:
        kept = list(home.glob("data/before-restore-*/store.db"))
        fault.require(len(kept) == 1, f"what was there is not kept: {kept}")
        if kept:
            with sqlite3.connect(kept[0]) as database:
                (found,) = database.execute("SELECT count(*) FROM judged WHERE completion = ?", (row[1],)).fetchone()
            database.close()
            fault.require(found == 1, "a rating is in neither")
    return fault


def kill_pointer(bench: Bench) -> Fault:
    fault, home = Fault("kill -9 in `models use`"), bench.home()
    command = bench.chance.choice([["models", "rollback"], ["models", "use", "v1"]])
    ended = bench.killed(command, home)
    fault.struck = ended.code is None
    shown = bench.answers(fault, ["models", "show", "current", "--json"], home)
    fault.require('"v1"' in shown.out or '"v2"' in shown.out, "the pointer names neither the old nor the new")
    if ended.code == 0:
        fault.require('"v1"' in shown.out, "an acknowledged promotion is not in force")
    bench.check(fault, home)
    return fault


def kill_indexing(bench: Bench) -> Fault:
    fault, home = Fault("kill -9 in `knowledge add`"), bench.home()
    folder = home / "more"
    folder.mkdir()
    for number in range(3):
        (folder / f"n{number}.txt").write_text(f"Note {number}. The lamp of pier {number} is lit at dusk.")
    ended = bench.killed(["knowledge", "add", str(folder), "--json"], home)
    fault.struck = ended.code is None
    bench.check(fault, home)
    bench.answers(fault, ["knowledge", "add", str(folder), "--json"], home)
    listed = bench.answers(fault, ["knowledge", "list", "--json"], home)
    fault.require(all(f"n{number}.txt" in listed.out for number in range(3)), "an update does not complete it")
    found = bench.answers(fault, ["knowledge", "search", world.QUESTION, "--json"], home)
    fault.require("pier.txt" in found.out, "a document that was there is not found")
    return fault


def kill_batch(bench: Bench) -> Fault:
    fault, home = Fault("kill -9 in `summarize --jsonl`"), bench.home()
    talks = bench.world / "talks.jsonl"
    command = ["summarize", "--jsonl", str(talks), "-o", str(home / "out.jsonl"), *_QUICK]
    ended = bench.killed(command, home)
    fault.struck = ended.code is None
    written = _lines(home / "out.jsonl")
    bench.answers(fault, command, home)
    after = _lines(home / "out.jsonl")
    fault.require(len(after) == 8 and after[: len(written)] == written, "a resumed batch lost or changed lines")
    bench.check(fault, home)
    return fault


_QUICK = ("--model", "v2", "--decoding", "greedy", "--max-new-tokens", "6")


def _lines(path: Path) -> list[str]:
    """Whole lines of a file that is being appended to."""
    return path.read_text().split("\n")[:-1] if path.exists() else []


def kill_worker(bench: Bench) -> Fault:
    """The system's out-of-memory killer takes the largest process: the model's."""
    fault, home = Fault("the worker is killed in `summarize`"), bench.home()
    talk = home / "talk.txt"
    talk.write_text("Maya: The review moves to Friday.\nTom: I'll book the room.")
    command = ["summarize", str(talk), *_QUICK, "--json"]
    running = Running(command, home)
    deadline, worker = time.monotonic() + 20, None
    while worker is None and time.monotonic() < deadline:
        worker = _worker_of(running.id)
    time.sleep(bench.chance.uniform(0, 0.4))
    fault.struck = worker is not None
    with suppress(OSError):  # it had ended already
        if worker and bench.chance.random() < 0.5:
            os.kill(worker, signal.SIGKILL)
        elif worker:
            fault.what = "the worker runs out of memory in `summarize`"
            injections.limit_memory(worker, 64 << 20)
    ended = running.wait()
    if bench.works_or_says(fault, ended):
        fault.require('"summary"' in ended.out, "no summary after the restart")
    bench.check(fault, home)
    return fault


def _worker_of(process: int) -> int | None:
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        found = [int(c) for c in children if b"assistant.engine.worker" in Path(f"/proc/{c}/cmdline").read_bytes()]
    except OSError:
        return None
    return found[0] if found else None


def kill_training(bench: Bench) -> Fault:
    fault, home = Fault("kill -9 in `assistant-train ppo`"), bench.home()
    command = [TRAINER, *world.ppo(bench.world), "--max-steps", "6", "--save-every", "1"]
    running = Running(command, home)
    deadline = time.monotonic() + 120
    steps = bench.chance.randrange(1, 5)
    while time.monotonic() < deadline and _steps(home) < steps:
        time.sleep(0.05)
    time.sleep(bench.chance.uniform(0, 0.2))
    ended = running.kill_after(0)
    fault.struck = ended.code is None
    resumed = bench.answers(fault, [TRAINER, "ppo", "--resume", "--json"], home)
    fault.require(resumed.code != 0 or '"steps": 6' in resumed.out, f"the run did not end whole: {resumed.out[-200:]}")
    bench.check(fault, home)
    return fault


def _steps(home: Path) -> int:
    runs = sorted(home.glob("state/runs/ppo-*/metrics.jsonl"), key=lambda path: path.stat().st_mtime)
    return len(_lines(runs[-1])) if len(runs) > 1 else 0


# Half-written files.


def damaged(kind: str, *patterns: str, then: tuple[str, ...]) -> Callable[[Bench], Fault]:
    """Damage one file of that kind, ask for it, and bring it back by the backup."""

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
    """Write the log of a database into it: the damage is the file's own then."""
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def future(bench: Bench) -> Fault:
    """A newer version was here: its files are refused in words, and not touched."""
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


# The system says no.


def _writers(bench: Bench, home: Path) -> tuple[list[str], list[str]]:
    """A random command that writes, and the rating it acknowledges, if it is one."""
    command, row = rate(bench)
    other = [
        ["models", "use", "v1"],
        ["backup", str(home / "mine.zip")],
        ["restore", str(bench.world / "backup.zip")],
        ["feedback", "export", "--format", "raw", "-o", str(home / "out.jsonl")],
        ["knowledge", "remove", str(bench.world / "notes" / "cheese.md")],
    ]
    return (command, row) if bench.chance.random() < 0.5 else (bench.chance.choice(other), [])


def failing_calls(bench: Bench) -> Fault:
    home = bench.home()
    command, row = _writers(bench, home)
    names = bench.chance.sample(injections.CALLS, bench.chance.choice([1, 1, 2]))
    error = bench.chance.choice(injections.ERRORS)
    fault = Fault(f"{'+'.join(names)} fail with {os.strerror(error)} in `{' '.join(command[:2])}`")
    ended = call(command, home, before=lambda: injections.fail_calls(names, error))
    worked = bench.works_or_says(fault, ended)
    fault.struck = not worked
    _check_after(bench, fault, home, command, row if worked else [])
    return fault


def _check_after(bench: Bench, fault: Fault, home: Path, command: list[str], row: list[str]) -> None:
    """The world is whole once the fault is over; a removed document is the one thing that may be gone."""
    bench.check(fault, home, added=[row] if row else [])


def short_files(bench: Bench) -> Fault:
    home = bench.home()
    command, row = _writers(bench, home)
    size = bench.chance.choice([0, 100, 4096, 20_000, 60_000, 140_000])
    fault = Fault(f"no file grows beyond {size} bytes in `{' '.join(command[:2])}`")
    ended = call(command, home, before=lambda: injections.limit_file_size(size))
    worked = bench.works_or_says(fault, ended)
    fault.struck = not worked
    _check_after(bench, fault, home, command, row if worked else [])
    return fault


@contextmanager
def _on_small_disk(bench: Bench) -> Iterator[Path]:
    folder = bench.new_folder()
    with injections.small_disk(folder, 6_000) as disk:
        yield bench.home(disk / "home")


def full_disk(bench: Bench) -> Fault:
    with _on_small_disk(bench) as home:
        command, row = _writers(bench, home)
        leave = bench.chance.choice([0, 4096, 8192, 20_000, 40_000, 100_000])
        fault = Fault(f"{leave} bytes left on the disk in `{' '.join(command[:2])}`")
        rest = injections.fill(home.parent, leave)
        ended = call(command, home)
        worked = bench.works_or_says(fault, ended)
        fault.struck = not worked
        bench.works_or_says(fault, call(["history", "--json"], home))
        rest.unlink()
        _check_after(bench, fault, home, command, row if worked else [])
    return fault


def read_only_disk(bench: Bench) -> Fault:
    with _on_small_disk(bench) as home:
        command, _ = _writers(bench, home)
        if bench.chance.random() < 0.5:
            command = bench.chance.choice(bench.commands())
        fault = Fault(f"a read-only disk in `{' '.join(command[:2])}`")
        injections.set_read_only(home.parent, True)
        worked = bench.works_or_says(fault, call(command, home))
        fault.struck = not worked
        injections.set_read_only(home.parent, False)
        bench.check(fault, home)
    return fault


def clock(bench: Bench) -> Fault:
    """The clock jumps between two judgements of one answer: the later one is in force, whatever their times say."""
    home, year = bench.home(), 365 * 86400.0
    first, second = (bench.chance.uniform(-60, 40) * year for _ in range(2))
    fault = Fault(f"the clock is off by {first / year:.1f}, then by {second / year:.1f} years")
    for shift, thumb in ((first, "up"), (second, "down")):
        ended = call(["rate", "c9", thumb, "--json"], home, before=lambda s=shift: injections.shift_clock(s))
        bench.works_or_says(fault, ended)
        fault.require(ended.code == 0, f"could not rate: {ended.complaint[:200]}")
    listed = bench.answers(fault, ["feedback", "list", "--json"], home)
    fault.require('"down"' in listed.out, "the earlier judgement is in force")
    path = home / "mine.zip"
    made = call(["backup", str(path)], home, before=lambda: injections.shift_clock(first))
    fault.require(made.code == 0, f"no backup at that time: {made.complaint[:200]}")
    restored = call(["restore", str(path)], home, before=lambda: injections.shift_clock(second))
    fault.require(restored.code == 0, f"no restore at that time: {restored.complaint[:200]}")
    bench.check(fault, home, added=[[world.RATER, "c9", "down"]])
    return fault


def two_instances(bench: Bench) -> Fault:
    """Several commands write at once: each works or says that it must wait, and none undoes another."""
    home = bench.home()
    wanted = [rate(bench) for _ in range(3)]
    others = [_writers(bench, home)[0] for _ in range(2)]
    others = [command for command in others if command[0] not in ("rate", "restore")]
    fault = Fault(f"at once: 3 ratings and {[' '.join(command[:2]) for command in others]}")
    running = [Running(command, home) for command, _ in wanted] + [Running(command, home) for command in others]
    ended = [one.wait() for one in running]
    for one in ended:
        bench.works_or_says(fault, one)
    rows = [row for (_, row), one in zip(wanted, ended, strict=False) if one.code == 0]
    bench.check(fault, home, added=rows)
    return fault


_RUN_FILES = ("state/runs/*/*.json*", "state/runs/*/checkpoint/*")
_RESUME = (TRAINER, "ppo", "--resume", "--json")

SCENARIOS: dict[str, Scenario] = {
    "killed: rate": Scenario(kill_rating, 60),
    "killed: feedback import": Scenario(kill_import, 30),
    "killed: backup": Scenario(kill_backup, 40),
    "killed: restore": Scenario(kill_restore, 60),
    "killed: promotion": Scenario(kill_pointer, 40),
    "killed: indexing": Scenario(kill_indexing, 10),
    "killed: batch": Scenario(kill_batch, 10),
    "killed: worker, out of memory": Scenario(kill_worker, 20),
    "killed: training": Scenario(kill_training, 4),
    "half-written: store": Scenario(damaged("store", "data/store.db", then=("feedback", "stats", "--json")), 50),
    "half-written: catalog": Scenario(
        damaged("catalog", "data/knowledge/catalog.db", then=("knowledge", "list", "--json")), 30
    ),
    "half-written: index": Scenario(
        damaged("index", "data/knowledge/index.faiss", then=("knowledge", "search", world.QUESTION, "--json")), 12
    ),
    "half-written: version": Scenario(
        damaged(
            "version", "data/models/v2/*", "data/models/v2/adapter/*", "data/models/v2/ctranslate/*",
            then=("models", "use", "v2"),
        ),
        40,
    ),
    "half-written: pointer": Scenario(
        damaged("pointer", "data/models/current.json", then=("models", "use", "v1")), 20
    ),
    "half-written: settings": Scenario(
        damaged("settings", "config/config.toml", then=("config", "show", "--origin")), 20
    ),
    "half-written: run": Scenario(damaged("run", *_RUN_FILES, then=_RESUME), 12),
    "from the future": Scenario(future, 24),
    "failing system calls": Scenario(failing_calls, 90),
    "file size limit": Scenario(short_files, 30),
    "full disk": Scenario(full_disk, 40),
    "read-only disk": Scenario(read_only_disk, 24),
    "clock jumps": Scenario(clock, 20),
    "two instances": Scenario(two_instances, 24),
}  # fmt: skip
