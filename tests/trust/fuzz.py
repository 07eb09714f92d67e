"""Fuzz every reader of foreign input. `python tests/trust/fuzz.py --minutes 10`

Minutes are processor time per target, since a busy machine does little in a minute of wall time. Prints the number of
examples and the first failure of each target. `--only` takes a target's name or part of it. `--rounds` spreads the
minutes over several passes, so that an interrupted run has tried all targets for about as long. `--json` is written
after each target.
"""

import argparse
import json
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from hypothesis import HealthCheck, Phase, given, settings

from tests.trust.properties import PROPERTIES


def fuzz(name: str, seconds: float) -> tuple[int, str]:
    """The number of examples tried in this many seconds of processor time, and the first failure, "" if none."""
    holds, strategies = PROPERTIES[name]
    count, start = 0, time.process_time()

    def counted(**drawn: object) -> None:
        nonlocal count
        count += 1
        holds(**drawn)

    while time.process_time() - start < seconds:
        rounds = settings(
            max_examples=100,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.target, Phase.shrink),
        )
        try:
            rounds(given(**strategies)(counted))()
        except Exception:  # noqa: BLE001 - any exception of a property is a finding
            return count, traceback.format_exc()
    return count, ""


@dataclass
class Tried:
    """Time, examples and result of one target so far."""

    target: str
    minutes: float = 0.0
    examples: int = 0
    failed: bool = False

    def more(self, seconds: float) -> str:
        """Fuzz for more seconds of processor time. Return the first failure, "" if none."""
        start = time.process_time()
        count, failure = fuzz(self.target, seconds)
        self.minutes = round(self.minutes + (time.process_time() - start) / 60, 2)
        self.examples += count
        self.failed |= bool(failure)
        return failure


def main() -> int:
    """Fuzz all targets, or those whose name contains a word. Return 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    chosen = [arguments.only] if arguments.only in PROPERTIES else [n for n in PROPERTIES if arguments.only in n]
    rows = {name: Tried(name) for name in chosen}
    for name in chosen * arguments.rounds:
        tried = rows[name]
        failure = tried.more(arguments.minutes * 60 / arguments.rounds)
        state = "FAILED" if tried.failed else "ok"
        print(f"{name:22} {tried.minutes:6.2f} min  {tried.examples:8} examples  {state}", flush=True)
        if failure:
            print(failure[-3000:], flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps([vars(row) for row in rows.values()], indent=2))
    return 1 if any(row.failed for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
