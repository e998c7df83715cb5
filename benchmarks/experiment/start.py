"""How long ``orion-executor --help`` takes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.experiment.row import Row

__all__ = ["measure"]


def measure(rounds: int, quick: bool) -> list[Row]:
    command = [str(Path(sys.executable).with_name("orion-executor")), "--help"]
    taken = []
    for _ in range(1 if quick else 2 * rounds + 1):
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - begin)
    seconds = statistics.median(taken[1:] or taken)  # the first one reads files that nothing has read before
    return [Row("orion-executor --help", "s", seconds, None, seconds, 0.3)]
