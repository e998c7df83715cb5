"""``python -m tests.stress --seconds 120 --seed 1``."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time

from tests.stress.session import run_session
from tests.stress.tally import Tally
from tests.stress.watchdog import Watchdog


def main() -> int:
    """Run sessions until the time is over; return the exit code: 0 if nothing went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description="Random tasks on the process engine.")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long; the last session may take longer")
    parser.add_argument("--seed", default="1", help="which tasks are drawn")
    parser.add_argument("--transport", choices=("linux", "portable"), default="linux")
    settings = parser.parse_args()
    tally = Tally()
    watchdog = Watchdog(tally)
    rng = random.Random(settings.seed)
    start = time.monotonic()
    session = 0
    while (left := start + settings.seconds - time.monotonic()) > 0:
        session += 1
        length = min(left, rng.choice([0.3, 2.0, 5.0, 15.0]))
        run_session(f"{settings.seed}/{session}", length, settings.transport, tally, watchdog)
    seconds = time.monotonic() - start
    print(f"{seconds:.0f} s, seed {settings.seed}, load {os.getloadavg()[1]:.1f} on {os.cpu_count()} CPUs\n{tally}")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
