"""What the process engine is to reach: against its peers, and against what the machine allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.measures import Measure, load
from benchmarks.once import LIMIT

__all__ = ["FIGURES", "Figure", "Target"]

Values = Callable[[str], "float | None"]
"""The median of a contestant."""


@dataclass(frozen=True)
class Target:
    """A ratio, or a value, to reach; ``against`` is a contestant, ``best`` for the best of the peers, or ``""``."""

    against: str
    bound: float
    is_most: bool = False
    """Whether the bound must not be exceeded; else it must be reached."""

    def reached(self, measure: Measure, ours: float, other: float | None) -> tuple[float | None, bool | None]:
        """Return what was reached and whether it is enough; ``None`` where the other has no value."""
        if not self.against:
            value: float | None = ours
        elif other is None or (other == 0 and not ours):
            value = None
        elif self.against == LIMIT:
            value = ours / other if other else float("inf")
        else:
            value = _advantage(measure, ours, other)
        if value is None:
            return None, None
        return value, value <= self.bound if self.is_most else value >= self.bound

    def __str__(self) -> str:
        sign = "≤" if self.is_most else "≥"
        return f"{sign} {self.bound:g}{'×' if self.against not in ('', LIMIT) else ''}"


@dataclass(frozen=True)
class Figure:
    """A row of the table."""

    measure: str
    targets: tuple[Target, ...]

    @property
    def of(self) -> Measure:
        return load(self.measure)


def _advantage(measure: Measure, ours: float, other: float) -> float:
    """Return how many times better ours is."""
    better, worse = (ours, other) if measure.more_is_better else (other, ours)
    return better / worse if worse else float("inf")


def _peer(name: str, at_least: float) -> Target:
    return Target(name, at_least)


FIGURES = (
    Figure("round_trip", (_peer("mp.Pool", 2.2), Target(LIMIT, 3, is_most=True))),
    Figure("throughput", (_peer("mp.Pool", 3), Target(LIMIT, 1.5))),
    Figure("tasks_1ms", (_peer("best", 1.15), Target(LIMIT, 0.88))),
    Figure("tasks_10ms", (_peer("best", 1.05), Target(LIMIT, 0.98))),
    Figure("busy_driver", (_peer("best", 1), Target(LIMIT, 0.75))),
    Figure("echo_32mb", (_peer("dask", 10), _peer("loky", 20), Target(LIMIT, 0.5))),
    Figure("echo_512mb", (Target(LIMIT, 0.4),)),
    Figure("start", (_peer("loky", 1 / 0.35), Target(LIMIT, 1.6, is_most=True))),
    Figure("import_time", (Target("", 60, is_most=True),)),
    Figure("replacement", (Target("", 6, is_most=True),)),
    Figure("overshoot", (_peer("pebble", 10), Target("", 10, is_most=True))),
    Figure("any_of_100k", (_peer("cf", 1000), _peer("mp.Pool", 100), Target(LIMIT, 3, is_most=True))),
    Figure("pending_memory", (_peer("best", 4),)),
    Figure("submit", (_peer("best", 2),)),
    Figure("idle_cpu", (Target("", 0, is_most=True),)),
    Figure("idle_wakeups", (Target("", 0, is_most=True),)),
)
