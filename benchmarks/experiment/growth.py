"""What a trial costs after 10,000 others, beside after 100; and the driver's memory then."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.experiment.contestants import SPACE
from benchmarks.experiment.cost import nothing
from benchmarks.experiment.row import Row
from orion.experiment import Experiment

__all__ = ["measure"]

TRIALS = 10_000
SPAN = 100


def measure(_rounds: int, quick: bool) -> list[Row]:
    trials = TRIALS // 10 if quick else TRIALS
    with tempfile.TemporaryDirectory() as folder:
        search = Experiment("bench", SPACE, f"{folder}/e.db", sampler="random", seed=1)
        result = search.run(nothing, trials + SPAN, "process", 1, progress=False)
        memory = _peak_mb()
    ended = [trial.attempts[-1]["ended"] for trial in result.trials]
    early, late = (1000 * (ended[n + SPAN // 2] - ended[n - SPAN // 2]) / SPAN for n in (SPAN, trials))
    return [
        Row(f"cost of a trial after {trials:,}, beside after {SPAN}", "ms", late, early, late / early, 2),
        Row(f"the driver's memory at {trials:,} trials", "MB", memory, None, memory, 300),
    ]


def _peak_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("the system does not tell how much memory this process has had")
