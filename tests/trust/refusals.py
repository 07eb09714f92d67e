"""Faults: system calls fail, the clock jumps, several commands write at the same time."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.trust import injections, world
from tests.trust.bench import Bench, Fault
from tests.trust.commands import Running, call


def _writers(bench: Bench, home: Path) -> tuple[list[str], list[str]]:
    """A random command that writes, and the row of its rating, if it is one."""
    command, row = bench.rating()
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
    """Check that the home is complete after the fault."""
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
    """The clock jumps between two judgements of an answer. The later one is in force, whatever the times are."""
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
    """Several commands write at the same time: each works or says that it must wait, and none undoes another."""
    home = bench.home()
    wanted = [bench.rating() for _ in range(3)]
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


def during_restore(bench: Bench) -> Fault:
    """Commands that start during a restore wait for it, and then find a complete home."""
    home = bench.home()
    restore = Running(["restore", str(bench.world / "backup.zip"), "--json"], home)
    time.sleep(bench.moment(["restore", str(bench.world / "backup.zip"), "--json"]))
    others = [Running(command, home) for command in bench.chance.sample(bench.commands(), 4)]
    fault = Fault("commands during `restore`")
    for ended in (restore.wait(), *(other.wait() for other in others)):
        bench.works_or_says(fault, ended)
        fault.require(ended.code == 0, f"`{' '.join(ended.command[:2])}` ended with {ended.code}: {ended.complaint}")
    bench.check(fault, home)
    return fault
