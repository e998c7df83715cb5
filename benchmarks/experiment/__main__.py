"""``python -m benchmarks.experiment [PART …] [--rounds 5] [--quick]``: measure, and say which figures are reached.

It needs the extra ``experiment``. Each part is measured in a process of its own. What is compared follows each other
directly, round by round, and ratios are of medians: this machine may do other things, too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from importlib import import_module

from benchmarks.experiment.row import Row, as_table

PARTS = ("speedup", "cost", "growth", "start")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", metavar="PART", nargs="*", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the trials, in one round: to try it out")
    parser.add_argument("--as-json", action="store_true", help=argparse.SUPPRESS)  # of the processes of the parts
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    if options.as_json:
        (part,) = options.parts
        rows = import_module(f"benchmarks.experiment.{part}").measure(options.rounds, options.quick)
        sys.stdout.write("\n" + json.dumps([row._asdict() for row in rows]) + "\n")
        return 0
    rounds = 1 if options.quick else options.rounds
    rows = [row for part in options.parts or PARTS for row in _measured(part, rounds, options.quick)]
    print(as_table(rows))
    return 0 if all(row.is_reached for row in rows) else 1


def _measured(part: str, rounds: int, quick: bool) -> list[Row]:
    command = [sys.executable, "-m", "benchmarks.experiment", part, "--as-json", f"--rounds={rounds}"]
    load = os.getloadavg()[0]
    output = subprocess.run([*command, *["--quick"] * quick], check=True, stdout=subprocess.PIPE, text=True).stdout
    print(f"{part} measured; load before {load:.1f}, after {os.getloadavg()[0]:.1f}", file=sys.stderr)
    return [Row(**row) for row in json.loads(output.strip().rpartition("\n")[2])]


if __name__ == "__main__":
    sys.exit(main())
