"""Faults: a process is killed or runs out of memory."""

import os
import signal
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from tests.trust import injections, world
from tests.trust.bench import Bench, Fault
from tests.trust.commands import TRAINER, Running, call


def kill_rating(bench: Bench) -> Fault:
    fault, home = Fault("kill -9 in `rate`"), bench.home()
    command, row = bench.rating()
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
    command, row = bench.rating()
    fault.require(call(command, home).code == 0, "could not rate")
    (home / "config" / "config.toml").write_text('[prompt]\nmode = "one-shot"\n')
    ended = bench.killed(["restore", str(bench.world / "backup.zip"), "--json"], home)
    fault.struck = ended.code is None
    shown = bench.answers(fault, ["config", "show", "--json"], home)  # finishes an interrupted restore
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
    """The complete lines of a file that is being appended to."""
    return path.read_text().split("\n")[:-1] if path.exists() else []


def kill_worker(bench: Bench) -> Fault:
    """The system's out-of-memory killer takes the largest process, which is the model's worker."""
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
    with suppress(OSError):  # it has ended already
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
