"""Inject faults into the real commands, and count what was lost. `python tests/trust/faults.py --faults 600`

Each fault gets a copy of a home (tests.trust.world), runs a command, does harm, and checks the result, with the
product's commands and without them. A fault passes if nothing acknowledged is lost, and the next command works or says
in one line what is wrong and what to do.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.trust.bench import Bench, Fault
from tests.trust.scenarios import SCENARIOS
from tests.trust.world import RATER


@dataclass
class Tally:
    """The outcomes of the faults of one scenario."""

    faults: int = 0
    told: int = 0
    struck: int = 0
    problems: list[str] = field(default_factory=list)


def main() -> int:
    """Run the faults and print a table. Return 1 if one lost something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=600, help="at least so many in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="scenarios whose name holds this word")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    arguments = parser.parse_args()
    os.environ["LOGNAME"] = RATER
    scenarios = {name: one for name, one in SCENARIOS.items() if arguments.only in name}
    share = arguments.faults / sum(one.weight for one in scenarios.values())
    start, tallies = time.monotonic(), {}
    with tempfile.TemporaryDirectory(prefix="parley-faults-") as folder:
        bench = Bench(_world(Path(folder)), Path(folder), random.Random(arguments.seed))
        bench.warm_up()
        for name, scenario in scenarios.items():
            tallies[name] = _tally(name, scenario.run, bench, max(1, round(scenario.weight * share)))
    _report(tallies, time.monotonic() - start, arguments.json)
    return 1 if any(tally.problems for tally in tallies.values()) else 0


def _world(folder: Path) -> Path:
    place = folder / "world"
    subprocess.run(
        [sys.executable, "-m", "tests.trust.world", str(place)],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    return place


def _tally(name: str, scenario: Callable[[Bench], Fault], bench: Bench, count: int) -> Tally:
    tally = Tally()
    for _ in range(count):
        fault = scenario(bench)
        tally.faults += 1
        tally.struck += fault.struck
        tally.told += fault.told
        tally.problems += [f"{fault.what}: {problem}" for problem in fault.problems]
        bench.clean()
    state = "ok" if not tally.problems else f"{len(tally.problems)} PROBLEMS"
    print(f"{name:34} {tally.faults:4} faults  {tally.struck:4} struck  {tally.told:4} told  {state}", flush=True)
    for problem in tally.problems[:6]:
        print(f"    {problem}", flush=True)
    return tally


def _report(tallies: dict[str, Tally], seconds: float, path: Path | None) -> None:
    total = Counter({"faults": 0, "struck": 0, "told": 0, "problems": 0})
    for tally in tallies.values():
        total.update(faults=tally.faults, struck=tally.struck, told=tally.told, problems=len(tally.problems))
    cpu = sum(os.times()[:4])
    print(f"{dict(total)} in {seconds:.0f} s, {cpu:.0f} s of CPU")
    if path:
        rows = {name: vars(tally) for name, tally in tallies.items()}
        path.write_text(json.dumps({"total": total, "seconds": seconds, "cpu": cpu, "scenarios": rows}, indent=2))


if __name__ == "__main__":
    sys.exit(main())
