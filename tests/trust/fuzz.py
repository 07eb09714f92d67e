"""Fuzzes every reader of foreign input for as long as it is told. `python tests/trust/fuzz.py --minutes 10`

Minutes are of processor time and for each target, since a busy machine gives little in a minute by the clock; examples
and the first failure of each are printed. `--only` takes the name of a target or a part of it. `--rounds` shares the
minutes out over so many passes, so that a run that is stopped has tried every target about as long; `--json` is written
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
    """Number of examples tried in so many seconds of processor time, and the first failure, empty for none."""
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
        except Exception:  # noqa: BLE001 - whatever a property raises is what is looked for
            return count, traceback.format_exc()
    return count, ""


@dataclass
class Tried:
    """What was tried of one target so far."""

    target: str
    minutes: float = 0.0
    examples: int = 0
    failed: bool = False

    def more(self, seconds: float) -> str:
        """Try for so many seconds of processor time more; the first failure, empty for none."""
        start = time.process_time()
        count, failure = fuzz(self.target, seconds)
        self.minutes = round(self.minutes + (time.process_time() - start) / 60, 2)
        self.examples += count
        self.failed |= bool(failure)
        return failure


def main() -> int:
    """Fuzz all targets, or those whose name holds a word; exit code 1 where one failed."""
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
