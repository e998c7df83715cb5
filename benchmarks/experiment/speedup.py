"""A CPU-bound objective in pure Python, about 50 ms, with two workers: beside ``study.optimize(n_jobs=2)``."""

from __future__ import annotations

import statistics
import time

from benchmarks.experiment.contestants import Search, experiment, optunas, ours
from benchmarks.experiment.row import Row

__all__ = ["measure"]

TRIALS = 200
SECONDS = 0.05


class Spin:
    """Counts, in pure Python; the same number of steps at each call."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __call__(self, x: float, y: float, k: str) -> float:
        total = 0
        for step in range(self.steps):
            total += step & 7
        return x * x + y + (k == "a") + total * 1e-12


def measure(rounds: int, quick: bool) -> list[Row]:
    trials = TRIALS // 10 if quick else TRIALS
    search = Search(Spin(_calibrated()), trials, "tpe", workers=2)
    runs = {
        "study.optimize": lambda: optunas(search).wall,
        "optimize": lambda: ours(search, "process").wall,
        "Experiment.run": lambda: experiment(search, "process").wall,
    }
    # Two rounds, since one takes half a minute.
    taken = [{name: run() for name, run in runs.items()} for _ in range(min(rounds, 2))]
    theirs = statistics.median(it["study.optimize"] for it in taken)
    rows = []
    for name in ("optimize", "Experiment.run"):
        mine = statistics.median(it[name] for it in taken)
        faster = statistics.median(it["study.optimize"] / it[name] for it in taken)
        rows.append(Row(f"{trials} CPU-bound trials, {name}", "s", mine, theirs, faster, 1.8, is_most=False))
    return rows


def _calibrated() -> int:
    """Return how many steps take the time."""
    spin = Spin(100_000)
    taken = []
    for _ in range(7):
        begin = time.perf_counter()
        spin(0.0, 0.0, "b")
        taken.append(time.perf_counter() - begin)
    return int(spin.steps * SECONDS / statistics.median(taken))
