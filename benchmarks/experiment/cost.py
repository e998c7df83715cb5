"""What a trial costs beyond an objective that does nothing: beside ``study.optimize``, by the clock and by CPU."""

from __future__ import annotations

import statistics
from functools import partial

from benchmarks.experiment.contestants import Search, Taken, experiment, optunas, ours
from benchmarks.experiment.row import Row

__all__ = ["measure"]

TRIALS = 100
TARGET = 1.2


def nothing(x: float, y: float, k: str) -> float:
    return x + y + (k == "a")


def measure(rounds: int, quick: bool) -> list[Row]:
    trials = TRIALS // 10 if quick else TRIALS
    rows = []
    for sampler in ("random", "tpe"):
        search = Search(nothing, trials, sampler)
        runs = {
            "study.optimize": partial(optunas, search),
            "Experiment.run, single": partial(experiment, search, "single"),
            "Experiment.run, process": partial(experiment, search, "process"),
            "optimize, single": partial(ours, search, "single"),
            "optimize, process": partial(ours, search, "process"),
        }
        taken: dict[str, list[Taken]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                taken[name].append(run())
        rows += _rows(sampler, trials, taken)
    return rows


def _rows(sampler: str, trials: int, taken: dict[str, list[Taken]]) -> list[Row]:
    theirs = taken.pop("study.optimize")
    rows = []
    for name, mine in taken.items():
        for place, kind in enumerate(("by the clock", "of CPU")):
            ours_ms, theirs_ms = (
                1000 / trials * statistics.median(it[place] for it in them) for them in (mine, theirs)
            )
            title = f"cost of a trial {kind}, {sampler}, {name}"
            rows.append(Row(title, "ms", ours_ms, theirs_ms, ours_ms / theirs_ms, TARGET))
    return rows
