"""The measurements, by name; a module each."""

from __future__ import annotations

from importlib import import_module

from benchmarks.measures.measure import N_CPUS, Measure

__all__ = ["NAMES", "N_CPUS", "Measure", "load"]

NAMES = (
    "round_trip",
    "throughput",
    "tasks_1ms",
    "tasks_10ms",
    "tasks_100ms",
    "busy_driver",
    "echo_32mb",
    "echo_512mb",
    "start",
    "import_time",
    "replacement",
    "overshoot",
    "any_of_100k",
    "any_of_10k",
    "pending_memory",
    "submit",
    "idle_cpu",
    "idle_wakeups",
    "grid_search",
)


def load(name: str) -> Measure:
    """Return the measurement of that name."""
    measure = import_module(f"benchmarks.measures.{name}").MEASURE
    assert isinstance(measure, Measure)
    return measure
