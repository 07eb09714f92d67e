"""Fuzzes every reader of foreign input for as long as it is told. `python tests/trust/fuzz.py --minutes 10`

Minutes are of processor time and for each target, since a busy machine gives little in a minute by the clock; examples
and the first failure of each are printed. `--only` takes the name of a target or a part of it.
"""

import argparse
import json
import sys
import time
import traceback
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


def main() -> int:
    """Fuzz all targets, or those whose name holds a word; exit code 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    chosen = [arguments.only] if arguments.only in PROPERTIES else [n for n in PROPERTIES if arguments.only in n]
    for name in chosen:
        start = time.process_time()
        count, failure = fuzz(name, arguments.minutes * 60)
        minutes = (time.process_time() - start) / 60
        rows.append({"target": name, "minutes": round(minutes, 2), "examples": count, "failed": bool(failure)})
        print(f"{name:22} {minutes:6.2f} min  {count:8} examples  {'FAILED' if failure else 'ok'}", flush=True)
        if failure:
            print(failure[-3000:], flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2))
    return 1 if any(row["failed"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
