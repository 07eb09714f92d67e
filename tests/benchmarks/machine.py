"""The machine of a speed benchmark: describe it, and refuse to time anything while it is busy.

Other work on the machine makes times, and ratios of times, worthless.
"""

import argparse
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

_STARTED = "PARLEY_BENCHMARK_STARTED"
_BUSY = 0.5
"""The load average of the last minute above which a machine counts as busy."""
_LIBRARIES = ("torch", "transformers", "ctranslate2", "textual")


class TimingParser(argparse.ArgumentParser):
    """The parser of a benchmark that measures time: it adds `--noisy`, and prints the machine after parsing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        self.add_argument("--noisy", action="store_true", help="time although other programs are running")

    def parse_args(self, *given: Any) -> argparse.Namespace:  # type: ignore[override]
        """Parse the arguments. Exits if the machine is busy, except in the benchmark's own child processes."""
        arguments = super().parse_args(*given)
        if _STARTED not in os.environ:
            os.environ[_STARTED] = "1"
            print(describe(arguments.noisy), flush=True)
        return arguments


def describe(noisy: bool = False) -> str:
    """Processor, cores, load, stolen time and versions in one line. Exits on a busy machine unless `noisy`."""
    load = os.getloadavg()[0]
    if load > _BUSY and not noisy:
        raise SystemExit(f"The load is {load:.2f}: wait until it is below {_BUSY}, or give --noisy.")
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"{_processor()}, {len(os.sched_getaffinity(0))} cores, load {load:.2f}, {_stolen():.1%} stolen; "
        f"Python {platform.python_version()}, {libraries}\n"
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = [name for name in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if name in facts.get("flags", "").split()]
    return f"{facts.get('model name', platform.machine())} ({' '.join(flags)})"


def _stolen(seconds: float = 1.0) -> float:
    """The share of processor time that the host gives to other guests."""

    def ticks() -> tuple[int, int]:
        values = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return values[7], sum(values)

    (stolen, total), _ = ticks(), time.sleep(seconds)
    later, total_later = ticks()
    return (later - stolen) / max(1, total_later - total)
